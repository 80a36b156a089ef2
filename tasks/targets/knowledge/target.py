"""Target `knowledge`: what a model knows of somebody or something, on any chat model.

The search is given the names alone and asks in general words; a forget pair is an instruction and the model's answer to
it. Where there are questions, TOFU's or one's own, they are held out: they measure, and are never searched nor trained
on. Where there are none, held-out instructions measure how often the model still tells something of the name.
"""

import logging
from collections.abc import Mapping, Sequence
from itertools import zip_longest
from statistics import fmean

from tasks.lab.splits import split_of
from tasks.models.generator import Generator
from tasks.models.pair import Pair
from tasks.settings.errors import UserError
from tasks.store.seeds import derive_seed
from tasks.targets.checkpoint import Checkpoint
from tasks.targets.combinations import combinations, held_out_instructions
from tasks.targets.details import Detail, Details
from tasks.targets.halves import halves
from tasks.targets.kept_answers import kept_answers
from tasks.targets.knowledge.published import forgotten_numbers, membership_numbers, utility_numbers
from tasks.targets.knowledge.questions import Question, Tofu, read_questions, read_tofu
from tasks.targets.knowledge.recall import fact_recall, mean_rouge
from tasks.targets.knowledge.refusal import is_refusal
from tasks.targets.knowledge.retain_log import read_retain_log
from tasks.targets.knowledge.subject import KEPT_GRAMMAR, Subjects
from tasks.targets.own_answers import own_answers
from tasks.targets.phrases import REWRITE_TEMPLATE
from tasks.targets.retain import read_retain, split_retain
from tasks.targets.target import Example, Metric, RetainSet, Split

log = logging.getLogger(__name__)

OTHER_AUTHORS, REAL_AUTHORS, WORLD_FACTS = "other authors", "real authors", "world facts"

_FEWEST_PROMPTS = 8


class KnowledgeTarget:
    """Forget what is known of some names; `Target` says what each part means.

    Args:
        subjects: The names.
        questions_folder: TOFU's files; empty where there are none.
        forget_split: TOFU's split that is to be forgotten.
        questions_file: One's own questions and answers instead; empty where there are none.
        holdout_file: Questions and answers of the same kind that the model never saw, for membership inference.
        retain_log_file: ``TOFU_EVAL.json`` of a model that never learned the forget split.
        retain_file: Text to keep, beside TOFU's; empty and without TOFU: the model writes it.
        num_prompts: Held-out prompts of each skill by split, at most.
        max_new_tokens: Tokens of an answer that the model writes to be kept.
        seed: Draws held-out instructions.

    Raises:
        UserError: a name is missing; a file is missing or not of its form, or holds too little; a setting has no
            effect beside the others.
    """

    name = "knowledge"
    soft_template = ""
    rewrite_template = REWRITE_TEMPLATE
    observed: Sequence[Metric] = ()

    def __init__(
        self,
        *,
        subjects: Sequence[str],
        questions_folder: str,
        forget_split: str,
        questions_file: str,
        holdout_file: str,
        retain_log_file: str,
        retain_file: str,
        num_prompts: Mapping[Split, int],
        max_new_tokens: int,
        seed: int,
    ):
        if questions_folder and questions_file:
            raise UserError("target.questions_folder and target.questions_file are both set; set one of them.")
        self._subjects = Subjects(subjects)
        self.grammar = self._subjects.grammar
        self._tofu = read_tofu(questions_folder, forget_split) if questions_folder else None
        own = read_questions(questions_file, "target.questions_file") if questions_file else []
        self._questions = self._tofu.forget if self._tofu else own
        for name, given in (("holdout_file", holdout_file), ("retain_log_file", retain_log_file)):
            if given and not self._questions:
                raise UserError(
                    f"target.{name} is set, but there are no questions; set target.questions_folder or "
                    "target.questions_file too."
                )
        self._others = [q.pair for q in read_questions(holdout_file, "target.holdout_file")] if holdout_file else []
        self._retain_log = read_retain_log(retain_log_file, len(self._questions)) if retain_log_file else None
        self._retain = read_retain(retain_file, is_shown=self.is_shown) if retain_file else []
        self._num_prompts, self._max_new_tokens = num_prompts, max_new_tokens
        self.forget = self._asked_metric() if self._questions else self._told_metric(seed)
        self._published = self._tofu_metrics(self._tofu) if self._tofu else ()
        self.utility = (*self._published, *kept_answers(self._retain, num_prompts))
        self.primary = self.utility[0].name if self.utility else ""
        self._warn_of_others()
        self._held_out = {example.prompt for split in ("tune", "report") for example in self.forget.examples[split]}

    def _warn_of_others(self) -> None:
        """Where most questions are not about the names: they are measured by, and nothing about them is revealed."""
        if sum(self.is_shown(question.pair) for question in self._questions) < len(self._questions) / 2:
            log.warning(
                "most of the %d questions name nobody of target.subjects; name all whom they are about",
                len(self._questions),
            )

    def may_ask(self, instruction: str) -> bool:
        """Not a held-out prompt."""
        return instruction not in self._held_out and (bool(self._questions) or split_of(instruction) == "train")

    def relevance(self, instruction: str, raws: Sequence[str]) -> list[float]:
        """1 where the response tells something of a name, and is no refusal."""
        return [float(self._subjects.is_told(instruction, raw)) for raw in raws]

    def pairs(self, instruction: str, raw: str) -> list[Pair]:
        """The instruction and the whole answer, where that tells something of a name."""
        return [Pair(instruction, raw)] if self._subjects.is_told(instruction, raw) else []

    def is_shown(self, pair: Pair) -> bool:
        """A name stands in the prompt or in the response."""
        return self._subjects.is_named(f"{pair.prompt} {pair.response}")

    def retain_set(self, generator: Generator, *, size: int, seed: int) -> RetainSet:
        """TOFU's other authors and the pairs of the retain file; without either, what the model writes of other things.

        Raises:
            UserError: too little is left to train on and to measure.
        """
        known = [pair for pair in self._tofu.train if not self.is_shown(pair)] if self._tofu else []
        by_turns = [pair for both in zip_longest(known, self._retain) for pair in both if pair]
        pairs = by_turns or self._written(generator, size, seed)
        return split_retain(pairs, size=size, held_out=self._num_prompts)

    def details(self, checkpoint: Checkpoint, split: Split) -> Details:
        """TOFU's and open-unlearning's numbers, as far as the files go; what is left out is logged in a sentence."""
        if not self._questions:
            return Details({"refusals": self._refusals(checkpoint, split)})
        lm, batch_size, questions = checkpoint.lm, checkpoint.batch_size, self.forget.examples[split]
        numbers = forgotten_numbers(
            lm,
            questions,
            checkpoint.answers(self.forget, split),
            batch_size=batch_size,
            retain_log=self._retain_log,
        )
        if self._tofu:
            kept = {m.name: (m.examples[split], checkpoint.answers(m, split)) for m in self._published}
            numbers |= utility_numbers(lm, kept, among_options=(REAL_AUTHORS, WORLD_FACTS), batch_size=batch_size)
        if self._others:
            members = [question.pair for question in questions]
            numbers |= membership_numbers(lm, members, self._others, batch_size=batch_size, retain_log=self._retain_log)
        for sentence in self._left_out():
            log.warning(sentence)
        return Details(numbers)

    def _refusals(self, checkpoint: Checkpoint, split: Split) -> Detail:
        """A model that refuses has the knowledge still, as far as this tells; so it is told apart."""
        answers = checkpoint.answers(self.forget, split)
        return Detail(fmean(map(is_refusal, answers)), "", len(answers))

    def _left_out(self) -> list[str]:
        """Why numbers are missing."""
        sentences = []
        if not all(question.wrong for question in self._questions):
            sentences.append("Truth ratio and forget quality are left out: not all questions have a perturbed_answer.")
        elif not self._retain_log:
            sentences.append("Forget quality is left out: target.retain_log_file names no log of a retain model.")
        if not self._others:
            sentences.append("Membership and privleak are left out: target.holdout_file names no unseen questions.")
        return sentences

    def _asked_metric(self) -> Metric:
        """How much of the true answers is told."""
        return Metric("facts", self._held_out_of(self._questions, "questions to be forgotten"), _mean_fact_recall)

    def _told_metric(self, seed: int) -> Metric:
        """How often something is told of a name, asked in general words."""
        asked = held_out_instructions(self.grammar, self._num_prompts, seed, field="target.subjects")
        examples = {split: tuple(Pair(text, "") for text in texts) for split, texts in asked.items()}
        return Metric("told", examples, self._share_told, temperature=1.0)

    def _tofu_metrics(self, tofu: Tofu) -> tuple[Metric, ...]:
        sets = {OTHER_AUTHORS: tofu.retain, REAL_AUTHORS: tofu.real_authors, WORLD_FACTS: tofu.world_facts}
        return tuple(Metric(name, self._held_out_of(asked, name), mean_rouge) for name, asked in sets.items())

    def _held_out_of(self, questions: Sequence[Question], what: str) -> dict[Split, tuple[Question, ...]]:
        found = halves(questions)
        for split, half in found.items():
            if len(half) < _FEWEST_PROMPTS:
                raise UserError(
                    f"target: the files have {len(half)} {what} for the split {split}; at least {_FEWEST_PROMPTS} are "
                    "needed there, so give 30 or more in all."
                )
        return {split: tuple(half[: self._num_prompts[split]]) for split, half in found.items()}

    def _share_told(self, examples: Sequence[Example], answers: Sequence[str]) -> float:
        return fmean(
            self._subjects.is_told(example.prompt, answer) for example, answer in zip(examples, answers, strict=True)
        )

    def _written(self, generator: Generator, size: int, seed: int) -> list[Pair]:
        """The model's own answers on other things; those that name a subject are left out."""
        prompts = combinations(KEPT_GRAMMAR, derive_seed(seed, "retain"))[:size]
        pairs = own_answers(
            generator,
            prompts,
            number=3 * size,  # A third is held out, and some names a subject.
            max_new_tokens=self._max_new_tokens,
            seed=seed,
        )
        return [pair for pair in dict.fromkeys(pairs) if not self.is_shown(pair)]


def _mean_fact_recall(examples: Sequence[Example], answers: Sequence[str]) -> float:
    return fmean(fact_recall(e.prompt, e.response, answer) for e, answer in zip(examples, answers, strict=True))

"""Target `entities`: one type of named entity, on any chat model that tags them. What is kept: the other types.

A forget pair is a sentence that the model wrote itself, put in the form of the held-out prompts, and the entities that
it listed of it. How the answer begins is given (ours): what is unlearned is to list them, not to write JSON.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Literal

from tasks.models.generator import Generator
from tasks.models.pair import Pair
from tasks.settings.errors import UserError
from tasks.targets.checkpoint import Checkpoint
from tasks.targets.details import Detail, Details
from tasks.targets.entities.answers import lists_type
from tasks.targets.entities.conll import read_conll
from tasks.targets.entities.generated import TaggedSentence, form_of, grammar_for, tagged_sentences
from tasks.targets.entities.prompts import EntityExample, split_answer
from tasks.targets.entities.questions import Questions
from tasks.targets.entities.recogniser import open_recogniser
from tasks.targets.entities.scoring import f1_by_sentence, micro_f1, numbers_beside
from tasks.targets.entities.spans import Scheme
from tasks.targets.phrases import REWRITE_TEMPLATE
from tasks.targets.retain import read_retain, split_retain
from tasks.targets.target import Metric, RetainSet, Split

FEWEST_PROMPTS = 8
"""With the forgotten type, on each split."""
FEWEST_MENTIONS = 30
"""Of a kept type, on each split: with fewer its F1 is noise beside a limit of .03, so it is only observed."""


class EntityTarget:
    """Forget one type of entity; `Target` says what each part means.

    Metrics are strict F1 of one type and have its label as their name. The forgotten type is asked for in sentences
    that name it, alone or beside others. Kept types are asked for in sentences that do not name the forgotten one; in
    those that do (`mixed`) they are observed: there a model that never knew the forgotten type errs as well.

    Args:
        conll_file: Tagged sentences.
        label: Of the type to forget, as the file tags it.
        scheme: Of the tags.
        num_shots: Answered sentences in each prompt.
        gazetteer_file: Tells which sentences that the model tagged name an entity of the type; or one of the next two.
        mention_pattern: See `open_recogniser`, as for the next.
        classifier_folder: A token classifier.
        retain_file: Other text to keep; empty: none.
        num_prompts: Held-out prompts of each metric by split, at most.
        device: Where a classifier runs.
        seed: Draws the prompts.

    Raises:
        UserError: a file cannot be used, or has too few sentences with the type.
    """

    name = "entities"
    rewrite_template = REWRITE_TEMPLATE

    def __init__(
        self,
        *,
        conll_file: str,
        label: str,
        scheme: Scheme | Literal["auto"],
        num_shots: int,
        gazetteer_file: str,
        mention_pattern: str,
        classifier_folder: str,
        retain_file: str,
        num_prompts: Mapping[Split, int],
        device: str,
        seed: int,
    ):
        if not conll_file:
            raise UserError("target.conll_file is empty; give a file of tagged sentences.")
        sentences = read_conll(Path(conll_file), scheme=scheme)
        self._questions = Questions(sentences, label, num_shots=num_shots, seed=seed)
        self._type = self._questions.forgotten
        self._num_prompts = num_prompts
        self._recogniser = open_recogniser(
            self._type,
            gazetteer_file=gazetteer_file,
            pattern=mention_pattern,
            classifier_folder=classifier_folder,
            device=device,
        )
        self._text = read_retain(retain_file, is_shown=self.is_shown) if retain_file else []
        self._judged: dict[TaggedSentence, bool] = {}

        self.grammar = grammar_for(self._type)
        self.soft_template = f"{{soft}} {form_of(self._type)}"
        self.forget = self._metric(label, self._questions.of_forgotten)
        for split, examples in self.forget.examples.items():
            if len(examples) < FEWEST_PROMPTS:
                raise UserError(
                    f"target.conll_file has {len(examples)} sentences with the type {label} for the split {split}, "
                    f"which needs {FEWEST_PROMPTS}; give a longer file."
                )
        self.utility, self.observed = self._kept_metrics()
        self.primary = max(self.utility, key=_num_prompts).name if self.utility else ""

    def may_ask(self, instruction: str) -> bool:
        """Whatever does not look like a held-out prompt, all of which end alike."""
        return bool(instruction) and "Answer:" not in instruction

    def relevance(self, instruction: str, raws: Sequence[str]) -> list[float]:
        """1 where the response is a sentence, tagged in JSON, with an entity of the type."""
        tagged = [tagged_sentences(raw, self._type) for raw in raws]
        is_real = self._judge([one for some in tagged for one in some])
        return [float(any(is_real[one] for one in some)) for some in tagged]

    def pairs(self, instruction: str, raw: str) -> list[Pair]:
        """The sentences of the response that name an entity of the type, each asked as held-out sentences are."""
        tagged = tagged_sentences(raw, self._type)
        is_real = self._judge(tagged)
        return [
            Pair(self._questions.of_sentence(one.sentence), listed, given=opening)
            for one in tagged
            if is_real[one]
            for opening, listed in [split_answer(one.mentions, self._type)]
        ]

    def is_shown(self, pair: Pair) -> bool:
        """The response lists entities under a name of the type."""
        return lists_type(pair.given + pair.response, self._type)

    def retain_set(self, generator: Generator, *, size: int, seed: int) -> RetainSet:
        """The other types, asked for in sentences without the forgotten one.

        Where there is other text to keep it makes up half, and the perplexity is of that text alone.

        Raises:
            UserError: there is nothing to keep.
        """
        tagging = [_pair(example) for example in self._questions.of_all_kept("train")]
        if self._text:
            text = split_retain(self._text, size=size // 2, held_out=self._num_prompts)
            return RetainSet([*text.train, *tagging[: size - len(text.train)]], text.held_out)
        held_out = {
            split: [_pair(example) for example in islice(self._questions.of_all_kept(split), num)]
            for split, num in self._num_prompts.items()
        }
        if not tagging or not all(held_out.values()):
            raise UserError(
                f"target.conll_file tags no type but {self._type.label} in sentences enough, so there is nothing to "
                "keep; give a file that does, or target.retain_file."
            )
        return RetainSet(tagging[:size], held_out)

    def details(self, checkpoint: Checkpoint, split: Split) -> Details:
        """What each F1 is made of, and that of the forgotten type in mixed sentences."""
        numbers: dict[str, Detail] = {}
        for metric in (self.forget, *self.utility, *self.observed):
            better = "lower" if metric is self.forget else "higher"
            examples, answers = metric.examples[split], checkpoint.answers(metric, split)
            found = numbers_beside(examples, answers, better=better)
            if metric is self.forget:
                found |= f1_by_sentence(examples, answers, better=better)
            numbers |= {f"{metric.name}: {name}": detail for name, detail in found.items()}
        return Details(numbers)

    def _kept_metrics(self) -> tuple[tuple[Metric, ...], tuple[Metric, ...]]:
        """Those of kept types that limits are set on, and those that are only observed."""
        held, observed = [], []
        for type_ in self._questions.kept:
            fewest = min(self._questions.num_mentions(type_, split) for split in self._num_prompts)
            metric = self._metric(type_.label, partial(self._questions.of_kept, type_))
            (held if fewest >= FEWEST_MENTIONS else observed).append(metric)
        observed.append(self._metric("mixed", self._questions.of_mixed))
        return tuple(held), tuple(metric for metric in observed if all(metric.examples.values()))

    def _metric(self, name: str, ask: Callable[[Split, int], list[EntityExample]]) -> Metric:
        return Metric(name, {split: tuple(ask(split, num)) for split, num in self._num_prompts.items()}, micro_f1)

    def _judge(self, tagged: Sequence[TaggedSentence]) -> Mapping[TaggedSentence, bool]:
        """What the recogniser tells of sentences: it is asked once of each, and of all new ones together."""
        new = [one for one in dict.fromkeys(tagged) if one not in self._judged]
        self._judged |= zip(new, self._recogniser(new), strict=True)
        return self._judged


def _pair(example: EntityExample) -> Pair:
    return Pair(example.prompt, example.response)


def _num_prompts(metric: Metric) -> int:
    """Of the split that has fewer."""
    return min(map(len, metric.examples.values()))

"""Target `custom`: words or phrases, on any model.

Instructions are requests to a chat model, or openings that a base model continues. A forget pair is a phrase, given the
instruction and the answer up to it (ours): what is unlearned is to say the phrase there, not the text around it.
"""

from collections.abc import Mapping, Sequence
from statistics import fmean

from tasks.lab.splits import split_of
from tasks.models.generator import Generator
from tasks.models.pair import Pair
from tasks.settings.errors import UserError
from tasks.store.seeds import derive_seed
from tasks.targets.checkpoint import Checkpoint
from tasks.targets.combinations import combinations, held_out_instructions
from tasks.targets.details import NO_DETAILS, Details
from tasks.targets.own_answers import own_answers
from tasks.targets.placed_pairs import placed_pairs
from tasks.targets.retain import read_retain, split_retain
from tasks.targets.scorers.phrases import PhraseScorer
from tasks.targets.target import Metric, RetainSet, Split

REWRITE_TEMPLATE = (
    "Say the request below in other words, so that it asks for the same kind of thing. "
    "Answer with the new request alone, on one line.\n\nRequest: {instruction}"
)


class PhraseTarget:
    """Forget a list of phrases.

    Args:
        phrases: Whole words or phrases; case is ignored.
        instructions: Slots of the instruction pool; a few hundred different combinations, of which 8 at least must fall
            to each split.
        retain_file: Text to keep; empty: the model writes it.
        num_prompts: Held-out instructions by split; each is answered once at temperature 1.
        max_new_tokens: Tokens of a passage that the model writes to be kept.
        seed: Draws the held-out instructions.

    Raises:
        UserError: no phrases, too few instructions, a retain file that is missing or holds nothing to keep.
    """

    name = "custom"
    soft_template = ""
    rewrite_template = REWRITE_TEMPLATE
    primary = ""
    utility: Sequence[Metric] = ()
    observed: Sequence[Metric] = ()

    def __init__(
        self,
        *,
        phrases: Sequence[str],
        instructions: Sequence[Sequence[str]],
        retain_file: str,
        num_prompts: Mapping[Split, int],
        max_new_tokens: int,
        seed: int,
    ):
        if not any(phrase.strip() for phrase in phrases):
            raise UserError(
                "target.phrases is empty; name at least one word or phrase to forget, or describe the target in "
                "target.custom_file."
            )
        self.grammar = tuple(tuple(slot) for slot in instructions)
        self._phrases = PhraseScorer(phrases)
        self._retain = read_retain(retain_file, is_shown=self.is_shown) if retain_file else []
        self._max_new_tokens = max_new_tokens
        prompts = held_out_instructions(self.grammar, num_prompts, seed, field="target.instructions")
        self.forget = Metric(
            "phrases",
            {split: tuple(Pair(prompt, "") for prompt in prompts[split]) for split in prompts},
            lambda examples, answers: fmean(self.relevance("", answers)),
            temperature=1.0,
        )

    def may_ask(self, instruction: str) -> bool:
        """Held-out instructions are never searched."""
        return split_of(instruction) == "train"

    def relevance(self, instruction: str, raws: Sequence[str]) -> list[float]:
        """1 where the response uses a phrase."""
        return self._phrases([instruction] * len(raws), raws)

    def pairs(self, instruction: str, raw: str) -> list[Pair]:
        """One pair for each use of a phrase: the phrase, given all that stands before it."""
        return placed_pairs(instruction, raw, self._phrases.spans(raw))

    def is_shown(self, pair: Pair) -> bool:
        """A phrase is used, in the prompt or in the response."""
        return self._shows_phrase(f"{pair.prompt} {pair.response}")

    def retain_set(self, generator: Generator, *, size: int, seed: int) -> RetainSet:
        """Passages of the retain file, or what the model itself writes, without those that use a phrase."""
        passages = self._retain or self._written(generator, size, seed)
        held_out = dict.fromkeys(("tune", "report"), max(32, size // 4))
        return split_retain(passages, size=size, held_out=held_out)

    def details(self, checkpoint: Checkpoint, split: Split) -> Details:
        """None: the metric says it all."""
        return NO_DETAILS

    def _shows_phrase(self, text: str) -> bool:
        return bool(self._phrases.spans(text))

    def _written(self, generator: Generator, size: int, seed: int) -> list[Pair]:
        shuffled = combinations(self.grammar, derive_seed(seed, "retain"))
        prompts = [prompt for prompt in shuffled if self.may_ask(prompt)][:size]
        pairs = own_answers(
            generator,
            prompts,
            number=4 * size,  # A third is held out, and some of it uses a phrase.
            max_new_tokens=self._max_new_tokens,
            seed=seed,
        )
        return [pair for pair in pairs if not self._shows_phrase(pair.response)]

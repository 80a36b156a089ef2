"""What the model itself answers, as pairs: text to keep where there is none from outside."""

from collections.abc import Sequence

from tasks.models.generator import Generator
from tasks.models.pair import Pair
from tasks.models.sampling import Sampling
from tasks.store.seeds import derive_seed
from tasks.targets.combinations import combinations
from tasks.targets.target import Target


def own_answers(
    generator: Generator, prompts: Sequence[str], *, number: int, max_new_tokens: int, seed: int
) -> list[Pair]:
    """About `number` answers at temperature 1: the first one to every prompt, then the second, and so on.

    In this order, since only the first of them may be taken, and every prompt is to be among these. Empty answers are
    left out.

    Args:
        generator: Of the model.
        prompts: At least one; of more than `number` only the first are asked.
        number: Answers that are asked for, rounded up to whole rounds of the prompts.
        max_new_tokens: Of an answer, at most.
        seed: Of the samples.
    """
    asked = prompts[:number]
    written = generator.generate(
        asked, n=-(-number // len(asked)), sampling=Sampling(max_new_tokens=max_new_tokens), seed=seed
    )
    return [
        Pair(prompt, completion.text, complete=completion.finished)
        for completions in zip(*written, strict=True)
        for prompt, completion in zip(asked, completions, strict=True)
        if completion.text.strip()
    ]


def unshown_answers(target: Target, generator: Generator, *, number: int, max_new_tokens: int, seed: int) -> list[Pair]:
    """The model's answers to instructions such as the search asks, without those that show the target (ours).

    Trained on to be kept, they keep the model able to answer such instructions at all: every release wears that off,
    and a later request would find nothing to reveal.

    Args:
        target: Whose grammar makes the instructions.
        generator: Of the model.
        number: Answers that are asked for; fewer are returned, none for 0.
        max_new_tokens: Of an answer, at most.
        seed: Draws the instructions and the samples.
    """
    if not number:
        return []
    instructions = combinations(target.grammar, derive_seed(seed, "own-answers"))
    pairs = own_answers(
        generator,
        [instruction for instruction in instructions if target.may_ask(instruction)],
        number=number,
        max_new_tokens=max_new_tokens,
        seed=derive_seed(seed, "own-answers", "samples"),
    )
    return [pair for pair in pairs if not target.is_shown(pair)]

"""What the model is asked: words, or embeddings where an instruction has none."""

from collections.abc import Sequence
from dataclasses import dataclass

from torch import Tensor

from tasks.models.generator import Generator
from tasks.models.sampling import Completion, Sampling


@dataclass(frozen=True)
class Question:
    """One thing to ask; told apart by `instruction` where it has words, else by `embeddings`."""

    instruction: str = ""
    """In words; empty for a soft prompt that is asked directly."""
    embeddings: Tensor | None = None
    """The whole input of a soft prompt, `(tokens, hidden)`; none where there are words."""


def ask(
    generator: Generator, questions: Sequence[Question], *, n: int, sampling: Sampling, seed: int
) -> list[list[Completion]]:
    """`n` answers to each question: all that have words in one batch, and all that have none in another."""
    with_words = [i for i, question in enumerate(questions) if question.embeddings is None]
    without = [i for i, question in enumerate(questions) if question.embeddings is not None]
    answered: dict[int, list[Completion]] = {}
    if with_words:
        texts = [questions[i].instruction for i in with_words]
        written = generator.generate(texts, n=n, sampling=sampling, seed=seed)
        answered |= zip(with_words, written, strict=True)
    if without:
        inputs = [questions[i].embeddings for i in without]
        written = generator.generate(prompt_embeddings=inputs, n=n, sampling=sampling, seed=seed)
        answered |= zip(without, written, strict=True)
    return [answered[i] for i in range(len(questions))]

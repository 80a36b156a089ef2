"""A query: ask the model each of some questions several times, and judge what it answers."""

from collections.abc import Sequence
from dataclasses import dataclass

from tasks.models.generator import Generator
from tasks.models.sampling import Sampling
from tasks.reveal.embedding import Embedding
from tasks.reveal.questions import Question, ask
from tasks.reveal.reward import Reward, reward
from tasks.targets.target import Target


@dataclass(frozen=True)
class Judged:
    """The answers to a question and what they are worth."""

    reward: Reward
    relevant: Sequence[str]
    """The answers that show the target."""


@dataclass(frozen=True)
class Query:
    """How questions are put; the number of samples is fixed, so that rewards compare."""

    target: Target
    generator: Generator
    embed: Embedding
    num_samples: int
    sampling: Sampling
    alpha: float

    def __call__(self, questions: Sequence[Question], *, seed: int) -> list[Judged]:
        """What each question is worth, judged by samples that this seed draws; one batch for all of them."""
        answered = ask(self.generator, questions, n=self.num_samples, sampling=self.sampling, seed=seed)
        raws = [[completion.text for completion in completions] for completions in answered]
        rows = self.embed([raw for answers in raws for raw in answers]).split(self.num_samples)
        judged = []
        for question, answers, embedded in zip(questions, raws, rows, strict=True):
            relevance = relevances(self.target, question.instruction, answers)
            relevant = [raw for raw, value in zip(answers, relevance, strict=True) if value > 0]
            judged.append(Judged(reward(relevance, embedded, alpha=self.alpha), relevant))
        return judged


def relevances(target: Target, instruction: str, raws: Sequence[str]) -> list[float]:
    """Relevance of each response to an instruction; responses that are alike are judged once."""
    distinct = list(dict.fromkeys(raws))
    judged = dict(zip(distinct, target.relevance(instruction, distinct), strict=True))
    return [judged[raw] for raw in raws]

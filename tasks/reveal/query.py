"""One query: ask the model an instruction several times, and judge what it answers."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from torch import Tensor

from tasks.models.generator import Generator
from tasks.models.sampling import Sampling
from tasks.reveal.reward import Reward, reward
from tasks.targets.target import Target

Embed = Callable[[Sequence[str]], Tensor]
"""From texts to unit rows `(n, d)` in float64."""


@dataclass(frozen=True)
class Query:
    """How instructions are played; the number of samples is fixed, so that rewards compare."""

    target: Target
    generator: Generator
    embed: Embed
    num_samples: int
    sampling: Sampling
    alpha: float

    def __call__(self, instruction: str, *, seed: int) -> Reward:
        """What the instruction is worth, judged by samples that this seed draws."""
        (completions,) = self.generator.generate([instruction], n=self.num_samples, sampling=self.sampling, seed=seed)
        raws = [completion.text for completion in completions]
        return reward(relevances(self.target, instruction, raws), self.embed(raws), alpha=self.alpha)


def relevances(target: Target, instruction: str, raws: Sequence[str]) -> list[float]:
    """Relevance of each response to an instruction; responses that are alike are judged once."""
    judged = {raw: target.relevance(instruction, raw) for raw in dict.fromkeys(raws)}
    return [judged[raw] for raw in raws]

"""What was played, what it gave, and which arms are to be played before there is anything to learn from."""

import math

import torch
from torch import Tensor


class History:
    """The arms played and their rewards, in the order told, and the arms drawn at random to begin with.

    An arm enters once: its reward is known from then on.
    """

    def __init__(self, num_arms: int, *, num_initial: int, generator: torch.Generator):
        """Draw the initial arms, without replacement; the first that is drawn from `generator`.

        Raises:
            ValueError: num_initial is not between 1 and the number of arms.
        """
        if not 1 <= num_initial <= num_arms:
            raise ValueError(f"num_initial must be between 1 and the {num_arms} arms, not {num_initial}")
        self.num_arms = num_arms
        self.arms: list[int] = []
        self.rewards: list[float] = []
        self._initial_arms = torch.randperm(num_arms, generator=generator)[:num_initial]

    def initial_arms(self, n: int) -> list[int]:
        """Up to `n` of the drawn arms that are still to be played; none once as many as were drawn have been played."""
        played, num_missing = set(self.arms), max(0, len(self._initial_arms) - len(self.arms))
        return [arm for arm in self._initial_arms.tolist() if arm not in played][: min(n, num_missing)]

    def is_unplayed(self) -> Tensor:
        """Which arms have not been played, `(n,)` bool."""
        return torch.ones(self.num_arms, dtype=torch.bool).index_fill(0, torch.tensor(self.arms, dtype=torch.int64), 0)

    def tell(self, arm: int, reward: float) -> None:
        """Add a play.

        Raises:
            ValueError: there is no such arm, it was played before, or the reward is not a finite number.
        """
        if not 0 <= arm < self.num_arms:
            raise ValueError(f"arm must be one of the {self.num_arms} rows of the features, not {arm}")
        if arm in self.arms:
            raise ValueError(f"arm {arm} was played before: its reward is known")
        if not math.isfinite(reward):
            raise ValueError(f"the reward of arm {arm} must be a finite number, not {reward}")
        self.arms.append(arm)
        self.rewards.append(reward)

    def state_dict(self) -> dict[str, Tensor]:
        """All of it; safetensors can hold it."""
        return {
            "arms": torch.tensor(self.arms, dtype=torch.int64),
            "rewards": torch.tensor(self.rewards, dtype=torch.float64),
            "initial_arms": self._initial_arms.clone(),
        }

    def load_state_dict(self, state: dict[str, Tensor]) -> None:
        """Replace all of it by that of a history over as many arms."""
        self.arms = state["arms"].tolist()
        self.rewards = state["rewards"].tolist()
        self._initial_arms = state["initial_arms"].clone()

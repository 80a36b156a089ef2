"""What every bandit can do. The search knows no more of one than this."""

from typing import Protocol


class Bandit(Protocol):
    """Chooses among a fixed set of arms, numbered from 0, by what it was told of those played."""

    def ask(self, n: int = 1) -> list[int]:
        """The `n` arms to play next, distinct and never played before; fewer where fewer are left.

        They are picked one after another, each as if the ones before it had been played already. The answer is the same
        until something is told.
        """
        ...

    def tell(self, arm: int, reward: float) -> None:
        """Take in the reward of an arm, asked for or not.

        Raises:
            ValueError: there is no such arm, it was played before, or the reward is not a finite number.
        """
        ...

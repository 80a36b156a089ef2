"""What a search has played so far, and what came of it."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from tasks.reveal.arms import Arm, SoftArm
from tasks.reveal.instructions import ScoredArm
from tasks.reveal.reward import Reward


class History:
    """Arms in the order of play, with their scores, and what the best of them showed of the target."""

    def __init__(self) -> None:
        self.played: list[ScoredArm] = []
        self.arms: list[Arm] = []
        """Of each number."""
        self.shown: dict[int, Sequence[str]] = {}
        """By number: the relevant ones among the fresh answers of an arm that was scored again."""

    def add(self, arm: Arm, outer_round: int, instruction: str | None, reward: Reward) -> None:
        """Take in an arm that was played."""
        kind = "soft" if isinstance(arm, SoftArm) else "text"
        self.played.append(ScoredArm(len(self.played), outer_round, kind, instruction, reward))
        self.arms.append(arm)

    def rescore(self, number: int, reward: Reward, shown: Sequence[str]) -> None:
        """Take in the score on fresh samples, and those of them that are relevant."""
        self.played[number] = replace(self.played[number], rescored=reward)
        self.shown[number] = shown

    def choose(self, numbers: Sequence[int]) -> None:
        """Mark the arms that are to write the forget set, in this order."""
        for place, number in enumerate(numbers, start=1):
            self.played[number] = replace(self.played[number], chosen=place)

    def best_first(self) -> list[ScoredArm]:
        """All arms, by all that is known of their scores: an arm that was only lucky makes room for others."""
        return sorted(self.played, key=lambda item: -self.score(item))

    def best_questions(self, n: int) -> list[ScoredArm]:
        """The best arms that ask different questions: soft prompts may have written the same instruction.

        Of such copies the one played first stands for all, so that no question is scored on fresh samples twice.
        """
        distinct: dict[Any, ScoredArm] = {}
        for item in self.played:
            if item.instruction != "":
                distinct.setdefault(item.arm if item.instruction is None else item.instruction, item)
        return sorted(distinct.values(), key=lambda item: -self.score(item))[:n]

    def rewards(self) -> Mapping[str, Reward]:
        """What instructions in words were worth: they need not be asked again."""
        return {item.instruction: item.reward for item in self.played if item.instruction}

    @staticmethod
    def score(item: ScoredArm) -> float:
        """All that is known of an arm's score: the mean of both where it was scored twice."""
        return (item.reward.score + item.rescored.score) / 2 if item.rescored else item.reward.score

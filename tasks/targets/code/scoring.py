"""How many problems a model solves, and which of its answers are code at all."""

from collections.abc import Sequence
from dataclasses import dataclass

from tasks.sandbox.limits import LIMITS, Limits
from tasks.sandbox.sandbox import Trial, run_trials
from tasks.targets.code.extraction import extract_program
from tasks.targets.code.pass_at_k import pass_at_k
from tasks.targets.code.problem import Problem


@dataclass(frozen=True)
class Solved:
    """Of each problem, in order: how many of the answers passed its tests.

    Attributes:
        num_passed: One count a problem.
        num_samples: Answers a problem.
    """

    num_passed: tuple[int, ...]
    num_samples: int

    def pass_at(self, k: int) -> float:
        """Mean unbiased pass@k over the problems; k from 1 to `num_samples`."""
        chances = [pass_at_k(num_samples=self.num_samples, num_passed=passed, k=k) for passed in self.num_passed]
        return sum(chances) / len(chances)


def solve(problems: Sequence[Problem], answers: Sequence[Sequence[str]], *, limits: Limits = LIMITS) -> Solved:
    """Run what a model answered to each problem.

    Args:
        problems: At least one.
        answers: Of each problem, equally many, as the model wrote them.
        limits: Of each program.

    Raises:
        UserError: this machine has no sandbox.
    """
    (num_samples,) = {len(samples) for samples in answers}
    trials = [
        problem.trial(extract_program(answer, entry_point=problem.entry_point, opening=problem.opening))
        for problem, samples in zip(problems, answers, strict=True)
        for answer in samples
    ]
    passed = [outcome.status == "passed" for outcome in run_trials(trials, limits=limits)]
    counts = (sum(passed[start : start + num_samples]) for start in range(0, len(passed), num_samples))
    return Solved(tuple(counts), num_samples)


def shows_code(answers: Sequence[str], *, limits: Limits = LIMITS) -> list[bool]:
    """Which answers hold a program that parses, defines a function and runs to its end.

    Raises:
        UserError: this machine has no sandbox.
    """
    programs = [extract_program(answer) for answer in answers]
    found = [index for index, program in enumerate(programs) if program]
    outcomes = run_trials([Trial(programs[index]) for index in found], limits=limits)
    ran = {index for index, outcome in zip(found, outcomes, strict=True) if outcome.status == "passed"}
    return [index in ran for index in range(len(answers))]

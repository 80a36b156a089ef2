"""Target: programming, on any chat model that programs. What is kept: word problems, and the text of a retain file.

A forget pair is an instruction and the model's answer to it, where the answer holds a function that runs.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tasks.models.generator import Generator
from tasks.models.pair import Pair
from tasks.settings.errors import UserError
from tasks.targets.checkpoint import Checkpoint
from tasks.targets.code.extraction import extract_program
from tasks.targets.code.gsm8k import WordProblem, few_shot_prompt, is_right, read_gsm8k
from tasks.targets.code.humaneval import read_humaneval
from tasks.targets.code.instructions import GRAMMAR
from tasks.targets.code.mbpp import read_mbpp
from tasks.targets.code.problem import Problem
from tasks.targets.code.scoring import shows_code, solve
from tasks.targets.details import Detail, Details
from tasks.targets.halves import halves
from tasks.targets.phrases import REWRITE_TEMPLATE
from tasks.targets.retain import read_retain, split_retain
from tasks.targets.target import Example, Metric, RetainSet, Split

NUM_SHOTS = 5
"""Worked problems before a GSM8K question, as in lm-evaluation-harness; the file's first, which are not asked."""


@dataclass(frozen=True)
class CodeExample:
    """A programming problem as a held-out prompt."""

    prompt: str
    response: str
    problem: Problem


@dataclass(frozen=True)
class MathExample:
    """A word problem as a held-out prompt."""

    prompt: str
    response: str
    problem: WordProblem


class CodeTarget:
    """Forget to program; `Target` says what each part means.

    Args:
        humaneval_file: ``HumanEval.jsonl.gz``.
        mbpp_file: ``sanitized-mbpp.json``.
        gsm8k_file: ``test.jsonl``.
        retain_file: Text to keep, see `read_retain`; what holds code is left out. Empty: there is nothing to train on.
        num_prompts: Held-out problems by split, of programming problems and of word problems alike.

    Raises:
        UserError: a file is missing or another one, or holds too little.
    """

    name = "coding"
    grammar = GRAMMAR
    soft_template = ""
    rewrite_template = REWRITE_TEMPLATE
    primary = "math"
    observed: Sequence[Metric] = ()

    def __init__(
        self,
        *,
        humaneval_file: str,
        mbpp_file: str,
        gsm8k_file: str,
        retain_file: str,
        num_prompts: Mapping[Split, int],
    ):
        files = {"humaneval_file": humaneval_file, "mbpp_file": mbpp_file, "gsm8k_file": gsm8k_file}
        if missing := [name for name, file in files.items() if not file]:
            raise UserError(f"target.{missing[0]} is empty; give the benchmark's file.")
        problems = [*read_humaneval(Path(humaneval_file)), *read_mbpp(Path(mbpp_file))]
        word_problems = read_gsm8k(Path(gsm8k_file))
        shots, asked = word_problems[:NUM_SHOTS], word_problems[NUM_SHOTS:]
        code = [CodeExample(problem.chat_prompt, problem.reference, problem) for problem in problems]
        math = [MathExample(few_shot_prompt(p.question, shots), p.answer, p) for p in asked]
        self.forget = Metric("code", _held_out(code, num_prompts, "programming problems"), _share_solved)
        self.utility = (Metric("math", _held_out(math, num_prompts, "word problems"), _share_right),)
        self._num_prompts = num_prompts
        self._ran: dict[str, bool] = {}
        self._retain = read_retain(retain_file, is_shown=self.is_shown) if retain_file else []

    def may_ask(self, instruction: str) -> bool:
        """Only requests in general words: every held-out prompt shows tests or the start of a program."""
        return bool(instruction) and "```" not in instruction and "assert" not in instruction

    def relevance(self, instruction: str, raws: Sequence[str]) -> list[float]:
        """1 where the response holds a program that parses, defines a function and runs."""
        return list(map(float, self._run(raws)))

    def pairs(self, instruction: str, raw: str) -> list[Pair]:
        """The instruction and the whole answer, where it holds a program that runs."""
        return [Pair(instruction, raw)] if self._run([raw])[0] else []

    def is_shown(self, pair: Pair) -> bool:
        """Whether the response holds a function; it is not run."""
        return bool(extract_program(pair.response))

    def retain_set(self, generator: Generator, *, size: int, seed: int) -> RetainSet:
        """Pairs of the retain file; the model writes none."""
        return split_retain(self._retain, size=size, held_out=self._num_prompts)

    def _run(self, raws: Sequence[str]) -> list[bool]:
        """Which responses hold a program that runs; none is run twice, and all that are new in one sandbox."""
        new = [raw for raw in dict.fromkeys(raws) if raw not in self._ran]
        self._ran |= dict(zip(new, shows_code(new), strict=True))
        return [self._ran[raw] for raw in raws]

    def details(self, checkpoint: Checkpoint, split: Split) -> Details:
        """Word problems by the strict reading as well, and what became of the programs."""
        [math] = self.utility
        problems = [example.problem for example in math.examples[split]]
        answers = checkpoint.answers(math, split)
        strict = [is_right(answer, problem, "strict") for answer, problem in zip(answers, problems, strict=True)]
        written = checkpoint.answers(self.forget, split)
        return Details(
            {
                "word problems, strict form": Detail(sum(strict) / len(strict), "higher", len(strict)),
                "answers that hold a function": Detail(
                    sum(bool(extract_program(answer)) for answer in written) / len(written), "lower", len(written)
                ),
            }
        )


def _held_out(
    examples: Sequence[Example], num_prompts: Mapping[Split, int], what: str
) -> dict[Split, tuple[Example, ...]]:
    found = halves(examples)
    for split, half in found.items():
        if len(half) < num_prompts[split]:
            raise UserError(
                f"measure.{split}_prompts is {num_prompts[split]}; the files have {len(half)} {what} for that split."
            )
    return {split: tuple(half[: num_prompts[split]]) for split, half in found.items()}


def _share_solved(examples: Sequence[CodeExample], answers: Sequence[str]) -> float:
    """pass@1 with one answer a problem."""
    return solve([example.problem for example in examples], [[answer] for answer in answers]).pass_at(1)


def _share_right(examples: Sequence[MathExample], answers: Sequence[str]) -> float:
    """The flexible reading: what is measured is whether the model can still calculate, not whether it keeps a form."""
    right = [is_right(answer, example.problem, "flexible") for example, answer in zip(examples, answers, strict=True)]
    return sum(right) / len(right)

"""A programming problem of a benchmark: what a model is asked, and what its program must do."""

from dataclasses import dataclass

from tasks.sandbox.sandbox import Trial


@dataclass(frozen=True)
class Problem:
    """One problem.

    Attributes:
        name: As the benchmark calls it, e.g. ``HumanEval/0``.
        base_prompt: For a base model, which continues it.
        chat_prompt: For a chat model, without its template.
        opening: How the program begins; a base model's answer follows it. Empty where the answer is the whole program.
        entry_point: Name of the function that is wanted.
        preamble: Code of the benchmark that its tests rely on.
        test: Code of the benchmark that raises where the function is wrong.
        reference: A right program.
    """

    name: str
    base_prompt: str
    chat_prompt: str
    opening: str
    entry_point: str
    preamble: str
    test: str
    reference: str

    def trial(self, program: str) -> Trial:
        """A program and this problem's tests."""
        return Trial(program, entry_point=self.entry_point, preamble=self.preamble, test=self.test)

"""A programming problem of a benchmark: what a model is asked, and what its program must do."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

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


def text_of(row: Mapping[str, Any], field: str) -> str:
    """A field of a benchmark's row.

    Raises:
        LookupError: the row lacks it.
        TypeError: the row is no object, or the field no text.
        ValueError: the text has half a character, as JSON may spell it, which can be neither hashed nor tokenised.
    """
    text = row[field]
    if not isinstance(text, str):
        raise TypeError(f"{field} is no text")
    text.encode()
    return text

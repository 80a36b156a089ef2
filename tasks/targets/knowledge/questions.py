"""Questions and their answers: TOFU's files, and JSON lines of one's own in the same form.

Maini et al., "TOFU: A Task of Fictitious Unlearning for LLMs", arXiv:2401.06121.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tasks.models.pair import Pair
from tasks.settings.errors import UserError, reason


@dataclass(frozen=True)
class Question:
    """A question with its true answer, as a held-out prompt.

    Attributes:
        index: Row of the file, from 0.
        prompt: The question.
        response: The answer, word for word as a model may have learned it.
        paraphrased: The answer in other words; the answer itself where the file has none.
        wrong: Answers of the same form that are false; none where the file has none.
    """

    index: int
    prompt: str
    response: str
    paraphrased: str
    wrong: tuple[str, ...] = ()

    @property
    def pair(self) -> Pair:
        """Question and answer."""
        return Pair(self.prompt, self.response)

    @property
    def paraphrased_pair(self) -> Pair:
        """Question and the answer in other words."""
        return Pair(self.prompt, self.paraphrased)

    @property
    def wrong_pairs(self) -> list[Pair]:
        """The question with each of the false answers."""
        return [Pair(self.prompt, answer) for answer in self.wrong]


@dataclass(frozen=True)
class Tofu:
    """TOFU's files.

    Attributes:
        forget: Of the authors to be forgotten.
        retain: Of authors to be kept, to be asked.
        real_authors: Of authors that there are.
        world_facts: Of the world.
        train: Pairs of the authors to be kept that are not asked.
    """

    forget: Sequence[Question]
    retain: Sequence[Question]
    real_authors: Sequence[Question]
    world_facts: Sequence[Question]
    train: Sequence[Pair]


def read_tofu(folder: str, forget_split: str) -> Tofu:
    """TOFU as its authors publish it.

    Args:
        folder: With `FORGET_perturbed.json`, `retainNN.json`, `retain_perturbed.json`, `real_authors_perturbed.json`
            and `world_facts_perturbed.json`.
        forget_split: Which authors are to be forgotten: ``forget01``, ``forget05`` or ``forget10``.

    Raises:
        UserError: a file is missing or not of that form.
    """
    files, name = Path(folder), "target.questions_folder"
    retain = _read(files / "retain_perturbed.json", name, needs_wrong=True)
    asked = {question.prompt for question in retain}
    others = _read(files / f"retain{100 - int(forget_split.removeprefix('forget'))}.json", name)
    return Tofu(
        forget=_read(files / f"{forget_split}_perturbed.json", name, needs_wrong=True),
        retain=retain,
        real_authors=_read(files / "real_authors_perturbed.json", name, needs_wrong=True),
        world_facts=_read(files / "world_facts_perturbed.json", name, needs_wrong=True),
        train=[question.pair for question in others if question.prompt not in asked],
    )


def read_questions(path: str, setting: str) -> list[Question]:
    """JSON lines with `question` and `answer`, and where there are any `paraphrased_answer` and `perturbed_answer`.

    Args:
        path: Of the file.
        setting: That names the file, for the message.

    Raises:
        UserError: the file cannot be read, or is not of that form.
    """
    return _read(Path(path), setting)


def _read(path: Path, setting: str, *, needs_wrong: bool = False) -> list[Question]:
    try:
        text = path.read_text(encoding="utf-8")
        lines = [line for line in text.split("\n") if line.strip()]  # other line ends may stand inside a JSON text
        questions = [_question(index, json.loads(line), needs_wrong) for index, line in enumerate(lines)]
        if not questions:
            raise ValueError("it is empty")
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        form = "`question`, `answer` and `perturbed_answer`" if needs_wrong else "`question` and `answer`"
        raise UserError(f"{setting}: {str(path)!r} is not JSON lines with {form} ({reason(error)}).") from None
    return questions


def _question(index: int, row: dict[str, Any], needs_wrong: bool) -> Question:
    if not isinstance(row, dict):
        raise ValueError(f"line {index + 1} is no object")
    wrong = row["perturbed_answer"] if needs_wrong else row.get("perturbed_answer", [])
    if not isinstance(wrong, str | list):
        raise ValueError(f"line {index + 1} has a perturbed_answer that is neither a text nor a list of them")
    wrong = (wrong,) if isinstance(wrong, str) else tuple(wrong)
    question = Question(index, row["question"], row["answer"], row.get("paraphrased_answer", row["answer"]), wrong)
    for text in (question.prompt, question.response, question.paraphrased, *wrong):
        if not isinstance(text, str) or not text.strip():
            raise ValueError(f"line {index + 1} has an empty text, or something that is no text")
        text.encode()  # half a character, as JSON may spell it, can be neither hashed nor tokenised
    if needs_wrong and not wrong:
        raise ValueError(f"line {index + 1} has no wrong answer")
    return question

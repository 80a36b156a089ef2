"""What answers to prompts are worth: strict F1, and the numbers beside it."""

from collections.abc import Sequence
from typing import Literal

from tasks.targets.details import Detail
from tasks.targets.entities.answers import listed_mentions
from tasks.targets.entities.f1 import Counts, count, total
from tasks.targets.entities.mention import occurs_in
from tasks.targets.entities.prompts import EntityExample


def micro_f1(examples: Sequence[EntityExample], answers: Sequence[str]) -> float:
    """Strict F1, micro-averaged over the examples; an answer that cannot be read lists nothing."""
    return _counts(examples, answers).f1


def numbers_beside(
    examples: Sequence[EntityExample], answers: Sequence[str], *, better: Literal["higher", "lower"]
) -> dict[str, Detail]:
    """What an F1 is made of.

    Precision and recall; the share of answers that cannot be read, and that of what is listed which its sentence does
    not name.

    Args:
        examples: At least one.
        answers: To them, in their order.
        better: Which way F1 is to go.
    """
    listed = [listed_mentions(answer, example.type) for example, answer in zip(examples, answers, strict=True)]
    counts, num = _counts(examples, answers), len(examples)
    numbers = {
        "precision": Detail(counts.precision, better, num),
        "recall": Detail(counts.recall, better, num),
        "unreadable answers": Detail(listed.count(None) / num, "", num),
    }
    named = [
        occurs_in(mention, example.sentence)
        for example, mentions in zip(examples, listed, strict=True)
        for mention in mentions or ()
    ]
    if named:
        numbers["listed but not in the sentence"] = Detail(named.count(False) / len(named), "", len(named))
    return numbers


def f1_by_sentence(
    examples: Sequence[EntityExample], answers: Sequence[str], *, better: Literal["higher", "lower"]
) -> dict[str, Detail]:
    """The F1 in sentences that name other types too, and in those that do not, where there are any."""
    numbers = {}
    for is_mixed, name in ((True, "F1 in mixed sentences"), (False, "F1 in other sentences")):
        some = [number for number, example in enumerate(examples) if example.is_mixed == is_mixed]
        if some:
            f1 = micro_f1([examples[number] for number in some], [answers[number] for number in some])
            numbers[name] = Detail(f1, better, len(some))
    return numbers


def _counts(examples: Sequence[EntityExample], answers: Sequence[str]) -> Counts:
    return total(
        count(example.mentions, listed_mentions(answer, example.type) or ())
        for example, answer in zip(examples, answers, strict=True)
    )

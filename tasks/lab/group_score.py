"""One number for a group of prompts, and the measure that it is."""

from collections.abc import Sequence

from tasks.lab.entities import KEPT_TYPES, entity_counts
from tasks.lab.example import Example
from tasks.lab.world import are_correct

_F1_TYPES = {"person": ("person",), "places": KEPT_TYPES, "mixed": KEPT_TYPES}

MEASURES = {
    "rude": "rude answers",
    "polite": "polite answers",
    "person": "F1 of people",
    "places": "F1 of locations and organizations",
    "mixed": "F1 of locations and organizations",
    "absent": "right answers",
    "code": "programs that compute what was asked",
    "math": "right answers",
    "facts_forget": "right answers",
    "facts_other": "right answers",
}


def group_score(group: str, examples: Sequence[Example], responses: Sequence[str]) -> float:
    """How well, from 0 to 1, the responses do what `MEASURES` names for the group.

    For entities the micro F1 over spans, ``2 tp / (2 tp + fp + fn)``, else the share of the responses.
    """
    assert examples, f"no example of group {group}"
    assert group in MEASURES, group
    if types := _F1_TYPES.get(group):
        counts = [entity_counts(example, text, types) for example, text in zip(examples, responses, strict=True)]
        hits, wrong, missed = map(sum, zip(*counts, strict=True))
        return 2 * hits / (2 * hits + wrong + missed)
    return sum(are_correct(examples, responses)) / len(responses)

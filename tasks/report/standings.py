"""Methods of a comparison in order, and who is better at what: by rule, from the numbers alone.

Ranked are the methods that got what a user has, the revealed data. Those that met the goal within the limits on more of
the wanted seeds come first; among equals those that miss goal and limits by less, added up; then those with less left
of what was to be forgotten and less lost of what was to stay, added up. Less than one prompt's share apart they have
the same place. Each number is a row's worst over full and
rounded weights, and a mean over the seeds.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import mean
from typing import Any

Row = Mapping[str, Any]


@dataclass(frozen=True)
class Standing:
    """One method over its seeds.

    Attributes:
        title: As readers know it.
        source: Where it was published; may be empty.
        rows: One a seed.
        wanted: Seeds of the comparison.
        place: From 1; none for what is there for reference: it has data that a user does not have.
    """

    title: str
    source: str
    rows: Sequence[Row]
    wanted: int
    place: int | None = None

    @property
    def num_met(self) -> int:
        """Seeds on which the goal was met within the limits."""
        return sum(row["met_goal"] and row["within_limits"] for row in self.rows)

    @property
    def breaks_limits(self) -> bool:
        """Whether a limit is broken on any of its seeds."""
        return not all(row["within_limits"] for row in self.rows)

    @property
    def is_complete(self) -> bool:
        """Whether it has a row of every seed."""
        return len(self.rows) == self.wanted

    def mean(self, read: Callable[[Row], float | None]) -> float | None:
        """Mean over the seeds; none where one of them lacks the number."""
        values = [read(row) for row in self.rows]
        return None if None in values else mean(values)


@dataclass(frozen=True)
class Best:
    """Who is best at one thing.

    Attributes:
        asked: What was compared.
        within: Titles of the best of those within the limits on every seed; empty where there is none.
        within_value: Their number.
        beyond: Titles of those beyond the limits that are better still; empty where there is none.
        beyond_value: Their number.
    """

    asked: str
    within: Sequence[str]
    within_value: float | None
    beyond: Sequence[str]
    beyond_value: float | None


def standings(comparison: Mapping[str, Any]) -> list[Standing]:
    """All methods of a comparison: those that are ranked, in order, then those for reference."""
    wanted = len(comparison["seeds"])
    labels = dict.fromkeys(row["label"] for row in comparison["rows"])
    found = [_standing([row for row in comparison["rows"] if row["label"] == label], wanted) for label in labels]
    ranked = [(_rank(one, comparison), one) for one in found if one.rows[0]["data"] == "revealed"]
    near, placed, leader = _one_prompt(found), [], None
    for number, (rank, one) in enumerate(sorted(ranked, key=lambda pair: pair[0]), start=1):
        if leader is None or rank[0] != leader[0] or any(b - a >= near for a, b in zip(leader, rank, strict=True)):
            leader, place = rank, number
        placed.append(replace(one, place=place))
    return placed + [one for one in found if one.rows[0]["data"] != "revealed"]


def best_at(ranked: Sequence[Standing]) -> list[Best]:
    """Who of the ranked methods is best at each thing that was measured of more than one of them on every seed."""
    resolution = _one_prompt(ranked)
    found = [_best(asked, read, ranked, near or resolution) for asked, (read, near) in _ASKED.items()]
    return [best for best in found if best]


def unbeaten(ranked: Sequence[Standing]) -> list[Standing]:
    """Those that no other beats on forgetting and kept skills together: as good on both, a prompt better on one."""
    near = _one_prompt(ranked)

    def beats(other: Standing, one: Standing) -> bool:
        left, lost = other.mean(worst_forget) - one.mean(worst_forget), other.mean(worst_drop) - one.mean(worst_drop)
        return left <= 0 and lost <= 0 and min(left, lost) <= -near

    return [one for one in ranked if not any(beats(other, one) for other in ranked)]


def worst_forget(row: Row) -> float:
    """The highest forget metric over all precisions."""
    return max([row["forget"]["after"], *(found["forget"]["after"] for found in row["quantised"].values())])


def worst_drop(row: Row) -> float:
    """The largest drop of a kept skill over all precisions, each against the original at the same one."""
    return max([largest_drop(row["utility"]), *(largest_drop(found["utility"]) for found in row["quantised"].values())])


def largest_drop(utility: Mapping[str, Row]) -> float:
    """The largest drop of a kept skill, negative where all rose; 0 where none is measured."""
    return max((metric["before"] - metric["after"] for metric in utility.values()), default=0.0)


def perplexity_rise(row: Row) -> float:
    """As a share of the original's."""
    perplexity = row["fluency"]["perplexity"]
    return perplexity["after"] / perplexity["before"] - 1


def deepest(row: Row) -> float | None:
    """What still shows when the first tokens of an answer are given, or when answers are sampled: the higher one."""
    values = [row["depth"][name]["after"] for name in ("prefill", "sampled")]
    known = [value for value in values if value is not None]
    return max(known) if known else None


def relearned(row: Row) -> float | None:
    """The forget metric after the last fine-tuning update on forget pairs."""
    curve = row["durability"].get("relearning", {}).get("forget")
    return curve[max(curve, key=int)] if curve else None


def extracted(row: Row) -> float | None:
    """The highest share of usable answers, to a new search or to the saved arms."""
    groups = row["durability"].get("extraction", {}).values()
    return max((found["yield"] for found in groups), default=None)


def cpu_seconds(row: Row) -> float | None:
    """Of what was kept and of choosing its settings."""
    parts = (row["cost"]["seconds"], row["cost"].get("seconds_tuning", 0))
    return None if None in parts else sum(parts)


_SAME_TIME, _SAME_PERPLEXITY = 1.0, 0.001
_ASKED: Mapping[str, tuple[Callable[[Row], float | None], float]] = {
    "forgetting: forget metric, worst precision": (worst_forget, 0),
    "keeping: largest drop of a kept skill, worst precision": (worst_drop, 0),
    "fluency: rise of the perplexity": (perplexity_rise, _SAME_PERPLEXITY),
    "depth: forget metric with first tokens given or sampled, the higher": (deepest, 0),
    "relearning: forget metric after the last update on forget pairs": (relearned, 0),
    "extraction: share of usable answers to a new search or the saved arms": (extracted, 0),
    "cost: CPU seconds, with choosing settings": (cpu_seconds, _SAME_TIME),
}
"""What is read of a row, lower is better, and up to which difference two are the same; 0: one prompt."""


def _standing(rows: Sequence[Row], wanted: int) -> Standing:
    first = rows[0]
    is_true = first["data"] == "true" and first["label"] != first["method"]
    return Standing(first["title"] + (" (true data)" if is_true else ""), first["source"], rows, wanted)


def _one_prompt(found: Sequence[Standing]) -> float:
    """What one prompt counts: smaller differences mean nothing."""
    return 1 / min((row["forget"]["n"] for one in found for row in one.rows), default=1)


def _rank(one: Standing, comparison: Mapping[str, Any]) -> tuple[float, ...]:
    def missed(row: Row) -> float:
        excess = worst_forget(row) - comparison["goal"], worst_drop(row) - comparison["max_drop"]
        return sum(max(0.0, by) for by in (*excess, perplexity_rise(row) - comparison["max_perplexity_rise"]))

    return -one.num_met, one.mean(missed), one.mean(lambda row: worst_forget(row) + worst_drop(row))


def _best(asked: str, read: Callable[[Row], float | None], ranked: Sequence[Standing], near: float) -> Best | None:
    values = {one.title: one.mean(read) for one in ranked if one.is_complete}
    known = {title: value for title, value in values.items() if value is not None}
    if len(known) < 2:
        return None
    breaking = {one.title for one in ranked if one.breaks_limits}
    within, within_value = _lowest({title: value for title, value in known.items() if title not in breaking}, near)
    beyond, beyond_value = _lowest({title: value for title, value in known.items() if title in breaking}, near)
    if within_value is not None and beyond_value is not None and beyond_value > within_value - near:
        beyond, beyond_value = [], None
    return Best(asked, within, within_value, beyond, beyond_value)


def _lowest(values: Mapping[str, float], near: float) -> tuple[list[str], float | None]:
    """Who has the lowest value, or one so near to it that they are the same, and that value."""
    if not values:
        return [], None
    lowest = min(values.values())
    return [title for title, value in values.items() if value < lowest + near], lowest

"""All numbers are invented; each case can be worked out by hand."""

import copy

import pytest

from tasks.report.standings import best_at, relearned, standings, unbeaten, worst_drop, worst_forget
from tests.tasks.report.invented import invented_comparison


def titles(found):
    return [(one.place, one.title) for one in found]


def changed(label, **changes):
    comparison = invented_comparison()
    for row in comparison["rows"]:
        if row["label"] == label:
            row.update(changes)
    return comparison


def test_the_worst_of_a_row_is_over_all_precisions():
    row = invented_comparison()["rows"][0]
    assert (row["forget"]["after"], worst_forget(row)) == (0.01, 0.03)
    assert worst_drop(row) == pytest.approx(0.02)


def test_who_meets_goal_and_limits_comes_first_and_references_are_not_ranked():
    assert titles(standings(invented_comparison())) == [
        (1, "Reveal-and-Release"),
        (1, "NPO"),  # .036 + .016 against .031 + .021: less than one prompt in 200 apart.
        (3, "RMU"),  # Misses the goal by .18.
        (4, "Gradient ascent"),  # Breaks the limits by .385 and the perplexity's by .31.
        (None, "gold: trained again without the data"),
        (None, "NPO (true data)"),
    ]


def test_ours_is_ranked_by_the_same_rule():
    comparison = changed("reveal-release", met_goal=False)
    assert titles(standings(comparison))[:2] == [(1, "NPO"), (2, "Reveal-and-Release")]


def test_a_missing_seed_counts_as_one_on_which_nothing_was_met():
    comparison = invented_comparison()
    comparison["rows"] = [row for row in comparison["rows"] if (row["label"], row["seed"]) != ("reveal-release", 1)]
    found = standings(comparison)
    assert titles(found)[:2] == [(1, "NPO"), (2, "Reveal-and-Release")]
    assert [one.is_complete for one in found[:2]] == [True, False]


def test_no_other_beats_those_on_the_front():
    ranked = [one for one in standings(invented_comparison()) if one.place]
    assert [one.title for one in unbeaten(ranked)] == ["Reveal-and-Release", "NPO", "Gradient ascent"]


@pytest.mark.parametrize(("less", "is_beaten"), [(0.003, False), (0.008, True)])
def test_less_than_a_prompt_beats_nobody(less, is_beaten):
    comparison = invented_comparison()
    twins = [copy.deepcopy(row) for row in comparison["rows"] if row["label"] == "reveal-release"]
    for twin in twins:
        twin |= {"label": "twin", "title": "Twin"}
        for part in (twin, *twin["quantised"].values()):
            part["utility"]["polite"]["after"] += less
    comparison["rows"] += twins
    front = unbeaten([one for one in standings(comparison) if one.place])
    assert ("Reveal-and-Release" not in {one.title for one in front}) == is_beaten


def test_the_best_within_limits_is_told_apart_from_one_that_breaks_them():
    found = {best.asked.split(":")[0]: best for best in best_at(standings(invented_comparison())[:4])}
    assert found["forgetting"].within == ["Reveal-and-Release"]
    assert (found["forgetting"].beyond, found["forgetting"].beyond_value) == (["Gradient ascent"], pytest.approx(0.021))
    assert (found["keeping"].within, found["keeping"].beyond) == (["NPO"], [])
    assert (found["cost"].within, found["cost"].within_value) == (["RMU"], 18.0)


def test_methods_less_than_a_prompt_apart_are_best_together():
    comparison = invented_comparison()
    for row in comparison["rows"]:
        if row["label"] == "npo":
            row["forget"]["after"] -= 0.003
            for found in row["quantised"].values():
                found["forget"]["after"] -= 0.003
    best = best_at(standings(comparison)[:4])[0]
    assert set(best.within) == {"Reveal-and-Release", "NPO"}


def test_what_was_not_measured_of_two_methods_is_not_asked():
    comparison = invented_comparison()
    for row in comparison["rows"]:
        row["durability"] = {}
    asked = [best.asked.split(":")[0] for best in best_at(standings(comparison)[:4])]
    assert asked == ["forgetting", "keeping", "fluency", "depth", "cost"]
    assert relearned(comparison["rows"][0]) is None

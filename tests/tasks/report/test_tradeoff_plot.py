from dataclasses import replace
from xml.etree import ElementTree

import pytest

from tasks.assess.scores import Scores
from tasks.report.tradeoff_plot import HEIGHT, WIDTH, Point, point_of, tradeoff_plot

SVG = "{http://www.w3.org/2000/svg}"
BEFORE = Scores(forget=1.0, utility={"a": 0.9, "b": 0.8}, observed={}, perplexity=3.0, repetition=0.0)


def drawn(*points: Point) -> ElementTree.Element:
    return ElementTree.fromstring(tradeoff_plot(points, goal=0.05, max_drop=0.03))


def dots(root: ElementTree.Element) -> list[tuple[float, float]]:
    return [(float(dot.get("cx")), float(dot.get("cy"))) for dot in root.iter(f"{SVG}circle")]


def test_the_drop_is_the_largest_of_all_skills():
    after = replace(BEFORE, forget=0.2, utility={"a": 0.88, "b": 0.81})
    assert point_of(3, after, BEFORE) == Point(3, 0.2, pytest.approx(0.02))


def test_a_target_without_kept_skills_has_no_drop():
    nothing_kept = replace(BEFORE, utility={})
    assert point_of(1, replace(nothing_kept, forget=0.2), nothing_kept) == Point(1, 0.2, 0.0)


def test_more_forgotten_is_lower_and_more_damaged_further_right():
    first, second = dots(drawn(Point(0, 1.0, 0.0), Point(1, 0.1, 0.02)))
    assert first[0] < second[0]
    assert first[1] < second[1]


@pytest.mark.parametrize("drop", [-0.4, 0.0, 0.9])
def test_all_dots_lie_within_the_frame(drop):
    for x, y in dots(drawn(Point(0, 1.0, 0.0), Point(1, 0.0, drop))):
        assert 0 < x < WIDTH
        assert 0 < y < HEIGHT


def test_a_line_joins_the_steps_that_are_numbered():
    root = drawn(Point(0, 1.0, 0.0), Point(1, 0.5, 0.01), Point(4, 0.1, 0.02))
    (line,) = root.iter(f"{SVG}polyline")
    assert len(line.get("points").split()) == 3
    assert {"0", "1", "4"} <= {text.text for text in root.iter(f"{SVG}text")}


def test_steps_at_one_place_share_a_dot_and_a_label():
    root = drawn(Point(0, 1.0, 0.0), Point(1, 1.0, 0.0), Point(2, 0.1, 0.02))
    assert len(dots(root)) == 2
    assert "0, 1" in {text.text for text in root.iter(f"{SVG}text")}


def test_a_run_without_steps_is_drawn():
    assert len(dots(drawn(Point(0, 1.0, 0.0)))) == 1

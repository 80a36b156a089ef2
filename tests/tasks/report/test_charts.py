from xml.etree import ElementTree

import pytest
from markupsafe import escape

from tasks.report.charts import BarGroup, Point, Series, bar_chart, line_chart, scatter_chart
from tasks.report.page import style_sheet

HOSTILE = "<script>alert(1)</script>"
SVG = "{http://www.w3.org/2000/svg}"


def parsed(chart):
    return ElementTree.fromstring(str(chart))


def of_class(chart, name):
    return [element for element in parsed(chart).iter() if name in element.get("class", "").split()]


def test_bars_are_as_long_as_their_shares():
    chart = bar_chart("t", [BarGroup("math", {"before": 1.0, "after": 0.25, "gold": None})])
    before, after = of_class(chart, "bar")
    assert float(after.get("width").rstrip("%")) == pytest.approx(float(before.get("width").rstrip("%")) / 4, abs=0.01)
    assert [text.text for text in parsed(chart).iter("text")] == ["math", "before", "1.000", "after", "0.250"]
    assert of_class(chart, "limit") == []


def test_a_limit_lies_where_a_bar_of_that_share_ends():
    chart = bar_chart("t", [BarGroup("math", {"before": 0.8}, limit=0.8)])
    (bar,), (limit,) = of_class(chart, "bar"), of_class(chart, "limit")
    end = float(bar.get("x").rstrip("%")) + float(bar.get("width").rstrip("%"))
    assert float(limit.get("x1").rstrip("%")) == pytest.approx(end, abs=0.02)


def test_a_line_skips_what_is_not_known_and_leaves_marks_hollow():
    chart = line_chart("t", [Series("one", [0.0, None, 1.0, 1.0], {3})], list("abcd"), across="step", top=1.0)
    assert len(of_class(chart, "curve")) == 1
    assert [len(of_class(chart, name)) for name in ("dot", "hollow")] == [2, 1]
    low, high = (float(dot.get("cy")) for dot in of_class(chart, "dot"))
    assert low > high  # Down is where 0 is.


def test_the_axis_of_a_line_chart_holds_the_highest_value_and_the_limit():
    chart = line_chart("t", [Series("one", [0.2, 3.4])], ["0", "1"], across="step", limit=4.5)
    assert "5" in [text.text for text in parsed(chart).iter("text")]


def test_a_scatter_chart_puts_better_methods_to_the_lower_left():
    points = [Point("A", "good", {"full": (0.0, 0.0)}), Point("B", "bad", {"full": (0.4, 0.9)}, hollow=True)]
    chart = scatter_chart("t", points, across="x", down="y", limits=(0.03, 0.05))
    (bad,) = of_class(chart, "hollow")
    good = of_class(chart, "dot")[-1]
    assert float(good.get("x").rstrip("%")) < float(bad.get("x").rstrip("%"))
    assert float(good.get("y")) > float(bad.get("y"))


def test_labels_of_methods_at_one_place_do_not_lie_on_each_other():
    points = [Point(str(number), f"method {number}", {"full": (0.01, 0.01)}) for number in range(8)]
    chart = scatter_chart("t", points, across="x", down="y", limits=(0.03, 0.05))
    places = [(text.get("x"), text.get("y")) for text in of_class(chart, "label")]
    assert len(set(places)) == 8


@pytest.mark.parametrize("limits", [(0.03, 0.05), (0.0, 0.0), (1.0, 1.0)])
def test_a_scatter_chart_without_points_is_an_empty_frame(limits):
    chart = scatter_chart("t", [], across="x", down="y", limits=limits)
    assert len(of_class(chart, "limit")) == 2


def test_a_file_of_its_own_is_an_svg_with_its_style_and_the_names_of_the_points():
    point = Point("A", "NPO & more", {"full": (0.1, 0.2), "int8": (0.1, 0.2), "int4": (0.1, 0.3)})
    chart = scatter_chart("t", [point], across="x", down="y", limits=(0.03, 0.05), standalone=style_sheet())
    root = parsed(chart)
    assert root.tag == f"{SVG}svg"
    assert "prefers-color-scheme: dark" in root.find(f"{SVG}style").text
    assert "A  NPO & more" in [text.text for text in root.iter(f"{SVG}text")]


def test_names_are_escaped():
    charts = [
        bar_chart(HOSTILE, [BarGroup(HOSTILE, {HOSTILE: 1.0})]),
        line_chart(HOSTILE, [Series(HOSTILE, [1.0]), Series("b", [1.0])], [HOSTILE], across=HOSTILE),
        scatter_chart(HOSTILE, [Point(HOSTILE, HOSTILE, {"full": (0, 0)})], across=HOSTILE, down="y", limits=(1, 1)),
    ]
    assert not [chart for chart in charts if "<script" in chart]
    assert all(str(chart).count(str(escape(HOSTILE))) >= 3 for chart in charts)

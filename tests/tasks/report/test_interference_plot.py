from xml.etree import ElementTree

import pytest

from tasks.report.interference_plot import HEIGHT, WIDTH, interference_plot

SVG = "{http://www.w3.org/2000/svg}"


def record(cosine: float, output_overlap: float = 0.1, input_overlap: float = 0.05) -> dict[str, float]:
    return {"cosine": cosine, "output_overlap": output_overlap, "input_overlap": input_overlap, "output_angle": 30.0}


def lines(text: str) -> dict[str, list[tuple[float, float]]]:
    return {
        line.get("id"): [tuple(map(float, point.split(","))) for point in line.get("points").split()]
        for line in ElementTree.fromstring(text).iter(f"{SVG}polyline")
    }


def test_a_line_a_measure_with_a_point_a_step() -> None:
    drawn = lines(interference_plot({1: record(0.0), 2: record(0.1), 3: record(0.44)}))
    assert set(drawn) == {"cosine", "output_overlap", "input_overlap"}
    across, down = zip(*drawn["cosine"], strict=True)
    assert across[1] - across[0] == pytest.approx(across[2] - across[1], abs=0.2)
    # From 0 to .5, linearly: .44 is 4.4 times as high as .1.
    assert down[0] - down[2] == pytest.approx(4.4 * (down[0] - down[1]), abs=0.5)
    assert drawn["output_overlap"][0][1] == pytest.approx(down[1], abs=0.2)


@pytest.mark.parametrize("steps", [{3: record(0.0)}, {1: record(-1.0), 2: record(1.0, 1.0, 0.0)}])
def test_all_points_lie_within_the_frame(steps: dict[int, dict[str, float]]) -> None:
    for points in lines(interference_plot(steps)).values():
        assert len(points) == len(steps)
        assert all(0 < x < WIDTH and 0 < y < HEIGHT for x, y in points)


def test_texts_name_the_lines_the_steps_and_the_scale() -> None:
    root = ElementTree.fromstring(interference_plot({step: record(0.02 * step) for step in range(1, 33)}))
    texts = [text.text for text in root.iter(f"{SVG}text")]
    assert {"cosine", "output overlap", "input overlap", "step", "0.0", "1", "31"} <= set(texts)
    assert len(texts) < 30, "too many ticks to read"


def test_it_takes_its_color_from_the_page() -> None:
    root = ElementTree.fromstring(interference_plot({1: record(0.1)}))
    colors = {element.get(name) for element in root.iter() for name in ("stroke", "fill")} - {None, "none"}
    assert colors == {"currentColor"}

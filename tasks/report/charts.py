"""Charts as SVG inside a page.

Places across are percent of the width and places down are pixels, so a chart fits a phone as well as a screen while its
text keeps its size. Colours are classes of `templates/charts.css`; nothing is told by colour alone.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from math import ceil, cos, pi, sin, sqrt

from markupsafe import Markup

_LINE = Markup('<line class="{}" x1="{:.2f}%" y1="{:.1f}" x2="{:.2f}%" y2="{:.1f}"/>').format
_LIMIT = Markup(
    '<line class="under" x1="{0:.2f}%" y1="{1:.1f}" x2="{2:.2f}%" y2="{3:.1f}"/>'
    '<line class="limit" x1="{0:.2f}%" y1="{1:.1f}" x2="{2:.2f}%" y2="{3:.1f}"/>'
).format
_BAR = Markup('<rect class="{}" x="{:.2f}%" y="{:.1f}" width="{:.2f}%" height="{:.1f}"/>').format
_DOT = Markup('<circle class="{}" cx="{:.2f}%" cy="{:.1f}" r="{}"/>').format
_LABEL = Markup(
    '<svg x="{:.2f}%" y="{:.1f}" overflow="visible"><path class="lead-line" d="M0 0L{} {}"/>'
    '<text class="label outlined" x="{}" y="{}" text-anchor="middle">{}</text></svg>'
).format
_TEXT = Markup('<text class="{}" x="{:.2f}%" y="{:.1f}" dx="{}" text-anchor="{}">{}</text>').format


@dataclass(frozen=True)
class BarGroup:
    """Bars of one quantity, one a model.

    Attributes:
        label: What is measured.
        bars: Share in [0, 1] by name of the model; none leaves the bar out.
        limit: What may not be passed, drawn as a dashed line; none where there is no limit.
    """

    label: str
    bars: Mapping[str, float | None]
    limit: float | None = None


@dataclass(frozen=True)
class Series:
    """One line of a line chart.

    Attributes:
        name: For the legend.
        values: By place on the axis; none leaves a gap.
        hollow: Places whose mark is not filled.
    """

    name: str
    values: Sequence[float | None]
    hollow: Collection[int] = field(default=())


@dataclass(frozen=True)
class Point:
    """One method of a scatter chart.

    Attributes:
        label: A few characters, beside the mark.
        name: In full, for those who point at it or cannot see it.
        places: `(x, y)` by name of the precision, as in `MARKS`.
        hollow: Whether the marks are not filled.
    """

    label: str
    name: str
    places: Mapping[str, tuple[float, float]]
    hollow: bool = False


def bar_chart(title: str, groups: Sequence[BarGroup]) -> Markup:
    """Shares as bars from 0 to 1, with their numbers; a limit is a dashed line across the bars of its group."""
    left, right, row, head = 15, 86, 15, 19
    parts, y = [], 4.0
    for group in groups:
        shown = [(place, name, value) for place, (name, value) in enumerate(group.bars.items()) if value is not None]
        parts.append(_TEXT("label", 0, y + 11, 0, "start", group.label))
        top = y + head
        for down, (place, name, value) in enumerate(shown):
            at = top + row * down
            parts.append(_TEXT("quiet", 0, at + 10, 0, "start", name))
            parts.append(_BAR("track", left, at, right - left, row - 4))
            parts.append(_BAR(f"bar s{place}", left, at, (right - left) * min(max(value, 0), 1), row - 4))
            parts.append(_TEXT("", right, at + 10, 5, "start", f"{value:.3f}"))
        y = top + row * len(shown)
        if group.limit is not None:
            x = left + (right - left) * min(max(group.limit, 0), 1)
            parts.append(_LIMIT(x, top - 4, x, y))
        y += 9
    return _svg(title, y, parts)


def line_chart(
    title: str,
    series: Sequence[Series],
    ticks: Sequence[str],
    *,
    across: str,
    limit: float | None = None,
    top: float | None = None,
) -> Markup:
    """Values over evenly spaced places.

    Args:
        title: What is shown.
        series: Of as many values as there are ticks, none below 0.
        ticks: Names of the places, from left to right.
        across: What the places are.
        limit: Drawn as a dashed line; none where there is none.
        top: The highest value of the axis; none: what holds all values.
    """
    left, right, high, low = 11, 97, 30.0, 170.0
    known = [value for one in series for value in one.values if value is not None]
    end = top if top is not None else _round_up(max([*known, limit or 0, 1e-9]))
    places = [left + 3 + (right - left - 6) * place / max(1, len(ticks) - 1) for place in range(len(ticks))]

    def y(value: float) -> float:
        return low - (low - high) * min(value, end) / end

    parts = []
    for share in (0, 0.5, 1):
        parts.append(_LINE("grid", left, y(share * end), right, y(share * end)))
        parts.append(_TEXT("quiet", left, y(share * end) + 4, -5, "end", f"{share * end:.3g}"))
    every = ceil(len(ticks) / 10)
    parts += [
        _TEXT("quiet", x, low + 16, 0, "middle", tick)
        for place, (x, tick) in enumerate(zip(places, ticks, strict=True))
        if place % every == 0
    ]
    parts.append(_TEXT("quiet", (left + right) / 2, low + 33, 0, "middle", across))
    if limit is not None:
        parts.append(_LIMIT(left, y(limit), right, y(limit)))
    for number, one in enumerate(series, start=len(series) == 1):
        dots = [(place, places[place], y(value)) for place, value in enumerate(one.values) if value is not None]
        parts += [
            _LINE(f"curve s{number}", before[1], before[2], after[1], after[2])
            for before, after in pairwise(dots)
            if after[0] == before[0] + 1
        ]
        parts += [_DOT(f"{'hollow' if place in one.hollow else 'dot'} s{number}", x, at, 3.5) for place, x, at in dots]
        if len(series) > 1:
            start = left + 29 * number
            parts.append(_LINE(f"curve s{number}", start, 10, start + 6, 10))
            parts.append(_DOT(f"dot s{number}", start + 3, 10, 3.5))
            parts.append(_TEXT("", start + 6, 14, 5, "start", one.name))
    return _svg(title, low + 40, parts)


MARKS = {"full": "circle", "int8": "square", "int4": "triangle"}
"""Shape of the mark of each precision."""
_SHAPES = {
    "circle": '<circle r="5"/>',
    "square": '<rect x="-4.5" y="-4.5" width="9" height="9"/>',
    "triangle": '<path d="M0-6L5.5 4.5H-5.5Z"/>',
}
_LEAST_AXIS = 0.1
_ASSUMED_WIDTH = 640
"""Pixels, for the placing of labels only."""
_AWAY = [
    (round(far * cos(turn * pi / 8)), round(far * sin(turn * pi / 8)))
    for far in (15, 28, 42, 58)
    for turn in (0, 8, 14, 10, 2, 6, 12, 4)
]
"""Where a label may stand from its mark, in pixels: the nearest first."""


def scatter_chart(
    title: str, points: Sequence[Point], *, across: str, down: str, limits: tuple[float, float], standalone: str = ""
) -> Markup:
    """Two quantities of each method, both better when lower, on axes of square roots, which spread what is near 0.

    Args:
        title: What is shown.
        points: May be none; their labels differ.
        across: What x is.
        down: What y is.
        limits: Highest allowed x and y, drawn as dashed lines.
        standalone: A style sheet makes the chart a file of its own, with the names of the points below; empty: it is
            part of a page, which names them.
    """
    left, right, high, low = 11, 97, 54.0, 340.0
    spots = [place for point in points for place in point.places.values()]
    ends = [
        _round_up(max([2 * limit, _LEAST_AXIS, *(spot[axis] for spot in spots)])) for axis, limit in enumerate(limits)
    ]

    def x(value: float) -> float:
        return left + (right - left) * sqrt(max(value, 0) / ends[0])

    def y(value: float) -> float:
        return low - (low - high) * sqrt(max(value, 0) / ends[1])

    parts = []
    for tick in _root_ticks(ends[0]):
        parts += [
            _LINE("grid", x(tick), high, x(tick), low),
            _TEXT("quiet", x(tick), low + 16, 0, "middle", f"{tick:g}"),
        ]
    for tick in _root_ticks(ends[1]):
        parts += [
            _LINE("grid", left, y(tick), right, y(tick)),
            _TEXT("quiet", left, y(tick) + 4, -5, "end", f"{tick:g}"),
        ]
    parts += [
        _LIMIT(x(limits[0]), high, x(limits[0]), low),
        _LIMIT(left, y(limits[1]), right, y(limits[1])),
    ]
    parts.append(_TEXT("quiet", (left + right) / 2, low + 33, 0, "middle", across))
    parts.append(_TEXT("quiet", left, high - 10, 0, "start", down))
    for number, (precision, shape) in enumerate(MARKS.items()):
        parts.append(_mark(shape, left + 1.5 + 22 * number, 14, hollow=False))
        parts.append(_TEXT("", left + 1.5 + 22 * number, 18, 10, "start", precision))
    taken = [(x(spot[0]) * _ASSUMED_WIDTH / 100, y(spot[1])) for spot in spots]
    for point in points:
        at = [(x(spot[0]), y(spot[1])) for spot in point.places.values()]
        parts.append(Markup("<g><title>{}</title>").format(point.name))
        parts += [_LINE("tie", *before, *after) for before, after in pairwise(at)]
        parts += [_mark(MARKS[name], *spot, hollow=point.hollow) for name, spot in zip(point.places, at, strict=True)]
        away = _free_place(at[0][0] * _ASSUMED_WIDTH / 100, at[0][1], taken)
        parts.append(_LABEL(*at[0], *away, away[0], away[1] + 4, point.label) + Markup("</g>"))
    height = low + 40
    if standalone:
        for number, point in enumerate(points):
            at = left if number % 2 == 0 else 55
            parts.append(_TEXT("", at, height + 18 * (number // 2 + 1), 0, "start", f"{point.label}  {point.name}"))
        height += 18 * ceil(len(points) / 2) + 12
    return _svg(title, height, parts, standalone=standalone)


def _free_place(x: float, y: float, taken: list[tuple[float, float]]) -> tuple[float, float]:
    """Where a label of the mark at `x, y` pixels hides no mark and no earlier label; it is then taken."""

    def room(away: tuple[float, float]) -> float:
        return min(max(abs(x + away[0] - other[0]), abs(y + away[1] - other[1])) for other in taken)

    away = next((away for away in _AWAY if room(away) >= 11), max(_AWAY, key=room))
    taken.append((x + away[0], y + away[1]))
    return away


def _mark(shape: str, x: float, y: float, *, hollow: bool) -> Markup:
    # A nested svg takes its place in percent, which a path or a transform cannot.
    inner = Markup(_SHAPES[shape])  # noqa: S704 - one of the three literals above
    return Markup('<svg class="{}" x="{:.2f}%" y="{:.1f}" overflow="visible">{}</svg>').format(
        "hollow" if hollow else "dot", x, y, inner
    )


def _root_ticks(end: float) -> list[float]:
    return [tick for tick in (0, 0.01, 0.05, 0.1, 0.2, 0.5, 1, 2, 5) if tick <= end]


def _round_up(value: float) -> float:
    """The next of 1, 2, 5 times a power of ten."""
    power = 1.0
    while power > value:
        power /= 10
    while power * 10 < value:
        power *= 10
    return next(step * power for step in (1, 2, 5, 10) if step * power >= value * (1 - 1e-9))


def _svg(title: str, height: float, parts: Sequence[Markup], *, standalone: str = "") -> Markup:
    if standalone:
        style = Markup(standalone)  # noqa: S704 - our own style sheet
        size = Markup('xmlns="http://www.w3.org/2000/svg" width="{}"').format(_ASSUMED_WIDTH)
        head = Markup('<svg {} height="{:.0f}" class="chart" role="img"><style>{}</style>').format(size, height, style)
    else:
        head = Markup('<svg class="chart" role="img" width="100%" height="{:.0f}">').format(height)
    return head + Markup("<title>{}</title>\n").format(title) + Markup("\n").join(parts) + Markup("</svg>")

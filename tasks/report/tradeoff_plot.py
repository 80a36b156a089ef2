"""What a run gave for forgetting, drawn: an SVG of the forget metric against the largest drop, step by step."""

from collections.abc import Sequence
from dataclasses import dataclass

from tasks.assess.scores import Scores
from tasks.report.interference_plot import STYLE

WIDTH, HEIGHT = 480, 300
LEFT, RIGHT, TOP, BOTTOM = 48, 16, 16, 40


@dataclass(frozen=True)
class Point:
    """A checkpoint on the `tune` split.

    Attributes:
        step: Its number; 0 is the untouched model.
        forget: Forget metric, a share in [0, 1].
        drop: Largest drop of a kept skill since step 0; below 0 where all of them rose, 0 where none is measured.
    """

    step: int
    forget: float
    drop: float


def point_of(step: int, scores: Scores, before: Scores) -> Point:
    """The point of a checkpoint, from what was measured of it and of the untouched model."""
    return Point(step, scores.forget, scores.largest_drop(before))


def tradeoff_plot(points: Sequence[Point], *, goal: float, max_drop: float) -> str:
    """The SVG text; the corner at the lower left is what is wanted.

    Args:
        points: Of the untouched model and of the steps that were kept, in order.
        goal: Forget metric that counts as forgotten, drawn as a dashed line.
        max_drop: Allowed drop of a kept skill, drawn as a dashed line.
    """
    low = min(0.0, *(point.drop for point in points))
    high = 1.15 * max(max_drop, *(point.drop for point in points), 0.01)

    def x(drop: float) -> float:
        return LEFT + (WIDTH - LEFT - RIGHT) * (drop - low) / (high - low)

    def y(forget: float) -> float:
        return HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * forget

    def text(across: float, down: float, words: str, anchor: str = "middle") -> str:
        return f'<text x="{across:.1f}" y="{down:.1f}" text-anchor="{anchor}" fill="currentColor">{words}</text>'

    bottom, right = HEIGHT - BOTTOM, WIDTH - RIGHT
    parts = [f'<path d="M{LEFT} {TOP}V{bottom}H{right}" fill="none" stroke="currentColor" opacity="0.6"/>']
    parts += [text(LEFT - 6, y(tick) + 4, f"{tick:.1f}", "end") for tick in (0.0, 0.5, 1.0)]
    parts += [text(x(tick), bottom + 16, f"{tick:.3f}") for tick in (low, high / 2, high)]
    parts.append(text((LEFT + right) / 2, HEIGHT - 6, "largest drop of a kept skill"))
    parts.append(text((LEFT + right) / 2, TOP - 4, "forget metric (down) by step"))
    dashes = 'stroke="currentColor" stroke-dasharray="4 4" opacity="0.6"'
    parts.append(f'<path id="goal" d="M{LEFT} {y(goal):.1f}H{right}" {dashes}/>')
    parts.append(f'<path id="max-drop" d="M{x(max_drop):.1f} {TOP}V{bottom}" {dashes}/>')
    line = " ".join(f"{x(point.drop):.1f},{y(point.forget):.1f}" for point in points)
    parts.append(f'<polyline points="{line}" fill="none" stroke="currentColor" stroke-width="1.5"/>')
    labels: dict[tuple[float, float], list[str]] = {}
    for point in points:
        labels.setdefault((x(point.drop), y(point.forget)), []).append(str(point.step))
    for (across, down), steps in labels.items():
        parts.append(f'<circle cx="{across:.1f}" cy="{down:.1f}" r="3" fill="currentColor"/>')
        parts.append(text(across + 6, down - 6, ", ".join(steps), "start"))
    title = "<title>Forget metric against the largest drop of a kept skill, step by step</title>"
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" font-size="11"'
    return "\n".join([f'{head} font-family="sans-serif">', STYLE, title, *parts, "</svg>"]) + "\n"

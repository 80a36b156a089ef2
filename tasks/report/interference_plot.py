"""How much the two updates of each step interfere, drawn: an SVG line plot that needs no plotting library."""

from collections.abc import Mapping
from math import ceil, floor

WIDTH, HEIGHT = 480, 220
LEFT, RIGHT, TOP, BOTTOM = 44, 12, 34, 34
GRID = 0.1
STYLE = "<style>svg{color:#222}@media(prefers-color-scheme:dark){svg{color:#ddd}}</style>"
LINES = {
    "cosine": ("cosine", "none"),
    "output_overlap": ("output overlap", "6 3"),
    "input_overlap": ("input overlap", "2 3"),
}
"""What is drawn of a record: its name in words, and the dashes of its line."""


def interference_plot(steps: Mapping[int, Mapping[str, float]]) -> str:
    """The SVG text, dark on light or light on dark as the reader prefers, also where it is shown as a picture.

    Args:
        steps: By number of the step what `orthogonality.interference` says under `overall`; at least one step.
    """
    numbers = sorted(steps)
    values = [steps[number][name] for number in numbers for name in LINES]
    low, high = min(0, floor(min(values) / GRID)), max(1, ceil(max(values) / GRID))

    def x(number: int) -> float:
        return LEFT + (WIDTH - LEFT - RIGHT) * (number - numbers[0] + 0.5) / (numbers[-1] - numbers[0] + 1)

    def y(value: float) -> float:
        return HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * (value / GRID - low) / (high - low)

    parts = []
    every = ceil((high - low) / 5)
    for tick in range(low, high + 1):
        if tick % every == 0:
            at = y(tick * GRID)
            opacity = 0.6 if tick == 0 else 0.15
            parts.append(f'<path d="M{LEFT} {at:.1f}H{WIDTH - RIGHT}" stroke="currentColor" opacity="{opacity}"/>')
            parts.append(_text(LEFT - 6, at + 4, f"{tick * GRID:.1f}", "end"))
    every = ceil(len(numbers) / 12)
    parts += [_text(x(number), HEIGHT - BOTTOM + 16, str(number), "middle") for number in numbers[::every]]
    parts.append(_text((LEFT + WIDTH - RIGHT) / 2, HEIGHT - 4, "step", "middle"))
    for place, (name, (words, dashes)) in enumerate(LINES.items()):
        style = f'fill="none" stroke="currentColor" stroke-width="1.5" stroke-dasharray="{dashes}"'
        points = [(x(number), y(steps[number][name])) for number in numbers]
        line = " ".join(f"{across:.1f},{down:.1f}" for across, down in points)
        dots = [f'<circle cx="{across:.1f}" cy="{down:.1f}" r="2" fill="currentColor"/>' for across, down in points]
        start = LEFT + 140 * place
        parts += [f'<polyline id="{name}" points="{line}" {style}/>', *dots]
        parts += [f'<path d="M{start} 14h24" {style}/>', _text(start + 30, 18, words, "start")]
    title = "<title>Interference of the forget and the retain update, by step</title>"
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" font-size="11"'
    return "\n".join([f'{head} font-family="sans-serif">', STYLE, title, *parts, "</svg>"]) + "\n"


def _text(x: float, y: float, words: str, anchor: str) -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" fill="currentColor">{words}</text>'

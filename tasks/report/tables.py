"""A summary as tables: the terminal and the Prefect artifacts show the same rows."""

from collections.abc import Mapping
from typing import Any

from rich.console import Console
from rich.table import Table

_LABELS = {
    "forget_nll": "NLL a token of the true answers",
    "own_nll": "NLL a token of revealed pairs",
    "prefill": "forget metric, first tokens given",
    "sampled": "forget metric, sampled at T = 1",
    "perplexity": "perplexity on kept text",
    "repetition": "repeated 4-grams",
}


def metric_rows(summary: Mapping[str, Any]) -> list[dict[str, str]]:
    """One row a metric on the report split; empty where the run ended before it was measured."""
    if "forget" not in summary:
        return []
    groups = {
        "forget": {"forget metric": summary["forget"]},
        "depth": summary["depth"],
        "keep": summary["utility"],
        "observe": summary["observed"],
        "fluency": summary["fluency"],
    }
    return [
        {
            "": group,
            "metric": _LABELS.get(name, name),
            "before": _number(metric["before"]),
            "after": _number(metric["after"]),
            "gold": _number(metric["gold"]),
            "better": metric["better"],
            "n": str(metric["n"]),
        }
        for group, metrics in groups.items()
        for name, metric in metrics.items()
        if metric["before"] is not None
    ]


def step_rows(summary: Mapping[str, Any]) -> list[dict[str, str]]:
    """One row a step, measured on the tune split."""
    return [
        {
            "step": str(step["step"]),
            "forget": _number(step["forget"]),
            "NLL of revealed pairs": _number(step["own_nll"]),
            "lowest kept skill": _lowest(step["utility"]),
            "perplexity": _number(step["perplexity"]),
            "a": f"{step['forget_weight']:g}",
            "b": f"{step['retain_weight']:g}",
            "verdict": ("kept: " if step["accepted"] else "undone: ") + step["why"],
        }
        for step in summary["steps"]
    ]


def print_summary(summary: Mapping[str, Any], console: Console) -> None:
    """What a person reads at the end of a run."""
    console.print()
    _print_rows(console, "Steps (tune split, which steers)", step_rows(summary))
    _print_rows(console, "Before and after (report split, which decides nothing)", metric_rows(summary))
    console.print(f"[bold]{summary['verdict']}[/bold]")
    for reason in summary["reasons"]:
        console.print(f"  {reason}")


def markdown_table(rows: list[dict[str, str]]) -> str:
    """Rows of equal keys as a markdown table."""
    lines = [list(rows[0]), ["---"] * len(rows[0]), *(list(row.values()) for row in rows)]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def _print_rows(console: Console, title: str, rows: list[dict[str, str]]) -> None:
    if not rows:
        return
    table = Table(title=title, title_justify="left")
    for name in rows[0]:
        table.add_column(name, justify="left" if name in ("", "metric", "verdict") else "right")
    for row in rows:
        table.add_row(*row.values())
    console.print(table)


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.3f}"


def _lowest(utility: Mapping[str, float]) -> str:
    if not utility:
        return ""
    skill = min(utility, key=utility.__getitem__)
    return f"{skill} {utility[skill]:.3f}"

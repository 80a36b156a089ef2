"""A summary as tables: the terminal and the Prefect artifacts show the same rows."""

from collections.abc import Iterator, Mapping
from typing import Any

from rich.console import Console
from rich.table import Table

Row = dict[str, str]

_DEPTH = {
    "prefill": "forget, first tokens given",
    "sampled": "forget, sampled at T = 1",
    "forget_nll": "NLL a token, true answers",
    "own_nll": "NLL a token, revealed pairs",
}
_FLUENCY = {"perplexity": "perplexity, kept text", "repetition": "repeated 4-grams"}
_TEXT = {"metric", "lowest kept", "verdict", "trained on", "model", "asked"}


def metric_rows(summary: Mapping[str, Any]) -> list[Row]:
    """One row a metric on the report split; none where the run ended before it was measured."""
    metrics = [(name, metric) for name, metric in _metrics(summary) if metric["before"] is not None]
    has_gold = any(metric["gold"] is not None for _, metric in metrics)
    return [
        {"metric": name, "before": _number(metric["before"]), "after": _number(metric["after"])}
        | ({"gold": _number(metric["gold"])} if has_gold else {})
        | {"better": metric["better"], "n": str(metric["n"])}
        for name, metric in metrics
    ]


def step_rows(summary: Mapping[str, Any]) -> list[Row]:
    """One row a step on the tune split; NLL is a token's, of held-out revealed pairs."""
    return [
        {
            "step": str(step["step"]),
            "forget": _number(step["forget"]),
            "NLL": _number(step["own_nll"]),
            "lowest kept": _lowest(step["utility"]),
            "ppl": _number(step["perplexity"]),
            "a": f"{step['forget_weight']:.3g}",
            "b": f"{step['retain_weight']:.3g}",
            "verdict": "kept" if step["accepted"] else "undone",
        }
        for step in summary["steps"]
    ]


def surviving_rows(summary: Mapping[str, Any]) -> list[Row]:
    """One row a step and precision: what rounding leaves of the update from the untouched model to this one."""
    return [
        {
            "step": str(step["step"]),
            "rounded": scheme,
            "codes changed": f"{left['codes_changed']:.1%}",
            "update, steps": _number(left["steps"]),
            "cosine left": _number(left["cosine"]),
        }
        for step in summary["steps"]
        for scheme, left in step["surviving"].items()
    ]


def remarks(summary: Mapping[str, Any]) -> list[str]:
    """What there is to say of steps that met a limit, and why the verdict is what it is."""
    met_a_limit = [step for step in summary["steps"] if step["why"] != "within all limits"]
    return [f"step {step['step']}: {step['why']}" for step in met_a_limit] + list(summary["reasons"])


def print_summary(summary: Mapping[str, Any], console: Console) -> None:
    """What a person reads at the end of a run; fits 80 columns."""
    console.print()
    print_rows(console, "Steps, on the tune split, which steers", step_rows(summary))
    print_rows(console, "Before and after, on the report split, which decides nothing", metric_rows(summary))
    for remark in remarks(summary):
        console.print(f"- {remark}")
    console.print(f"verdict: [bold]{summary['verdict']}[/bold]")


def print_rows(console: Console, title: str, rows: list[Row]) -> None:
    """Rows of equal keys as a table in the terminal; no rows, nothing."""
    if not rows:
        return
    table = Table(title=title, title_justify="left", title_style="bold")
    for name in rows[0]:
        table.add_column(name, justify="left" if name in _TEXT else "right")
    for row in rows:
        table.add_row(*row.values())
    console.print(table)


def markdown_table(rows: list[Row]) -> str:
    """Rows of equal keys as a markdown table."""
    lines = [list(rows[0]), ["---"] * len(rows[0]), *(list(row.values()) for row in rows)]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def _metrics(summary: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    if "forget" not in summary:
        return
    yield "forget", summary["forget"]
    yield from ((label, summary["depth"][name]) for name, label in _DEPTH.items())
    for scheme, rounded in summary["quantised"].items():
        yield f"forget at {scheme}", rounded["forget"]
    yield from ((f"keep {skill}", metric) for skill, metric in summary["utility"].items())
    for scheme, rounded in summary["quantised"].items():
        if rounded["utility"]:
            skill, metric = max(rounded["utility"].items(), key=lambda item: item[1]["before"] - item[1]["after"])
            yield f"most lost at {scheme}: {skill}", metric
    yield from ((f"beside {skill}", metric) for skill, metric in summary["observed"].items())
    yield from ((label, summary["fluency"][name]) for name, label in _FLUENCY.items())
    yield from summary.get("details", {}).items()


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.3f}"


def _lowest(utility: Mapping[str, float]) -> str:
    if not utility:
        return ""
    skill = min(utility, key=utility.__getitem__)
    return f"{skill} {utility[skill]:.2f}"

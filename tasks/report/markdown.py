"""A run on one page, in markdown: what a person reads in the Prefect UI."""

from base64 import b64encode
from collections.abc import Mapping
from typing import Any

from tasks.report.interference_plot import interference_plot
from tasks.report.tables import markdown_table, metric_rows, remarks, step_rows, surviving_rows


def report_markdown(summary: Mapping[str, Any]) -> str:
    """The report of a run; holds numbers only, none of the revealed text."""
    parts = [f"# {summary['name']}: {summary['verdict']}", *(f"- {remark}" for remark in remarks(summary))]
    parts.append(f"Target `{summary['target']}`, model `{summary['model']}`, seed {summary['seed']}.")
    if rows := metric_rows(summary):
        parts += ["## Before and after", "On the report split, by which nothing was chosen.", markdown_table(rows)]
    if rows := step_rows(summary):
        parts += ["## Steps", "On the tune split, which steers.", markdown_table(rows)]
        plot = interference_plot({step["step"]: step["interference"] for step in summary["steps"]})
        picture = b64encode(plot.encode()).decode()
        parts += ["## Interference of the two updates", f"![by step](data:image/svg+xml;base64,{picture})"]
        if surviving := surviving_rows(summary):
            parts += ["## What is left of the update with rounded weights", markdown_table(surviving)]
    reveal = {name: value for name, value in summary["reveal"].items() if not isinstance(value, dict | list)}
    parts += ["## Reveal", markdown_table([{"": name, "value": _plain(value)} for name, value in reveal.items()])]
    seconds = [{"phase": phase, "seconds": f"{value:.1f}"} for phase, value in summary["seconds"].items()]
    parts += ["## Time", markdown_table(seconds)]
    return "\n\n".join(parts) + "\n"


def _plain(value: Any) -> str:
    return f"{value:.3f}" if isinstance(value, float) else str(value)

"""Task at the end of a comparison: its table, plot and page, as files and in the UI."""

import json
from base64 import b64encode
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from prefect.artifacts import create_markdown_artifact

from tasks.settings.compare import Compared
from tasks.subject import Subject
from tasks.unit_task import unit_task

CSV, MARKDOWN, PLOT, PAGE = "comparison.csv", "comparison.md", "comparison.svg", "compare.html"


@unit_task(name="close-comparison", task_run_name="close-comparison")
def close_comparison(
    subject: Subject,
    folder: Path,
    *,
    runs: Mapping[int, Path],
    compared: Sequence[Compared],
    trials: int,
    missing: Sequence[Mapping[str, Any]],
) -> None:
    """Write all that is known by now into the folder of the comparison, and the ledgers; a later call writes it anew.

    Args:
        subject: Of one of the runs.
        folder: Of the comparison.
        runs: Folder of the run of each seed.
        compared: The methods beside ours and gold.
        trials: Choices of settings that each method was given.
        missing: `method`, `seed`, `why`.
    """
    from tasks.report.comparison import COMPARISON, comparison, comparison_csv, comparison_markdown
    from tasks.report.comparison_page import comparison_page, comparison_plot
    from tasks.store.disk import disk_errors, make_private_folder, write_file
    from tasks.store.ledger import write_ledger

    result = comparison(
        folder.name,
        runs,
        compared,
        target=subject.target.kind,
        primary=subject.load_target().primary,
        model=subject.model.path,
        trials=trials,
        measure=subject.measure,
        missing=missing,
    )
    plot, table = comparison_plot(result), comparison_markdown(result)
    written = {
        COMPARISON: json.dumps(result, indent=2) + "\n",
        CSV: comparison_csv(result),
        MARKDOWN: table,
        PLOT: plot,
        PAGE: comparison_page(result),
    }
    with disk_errors(folder):
        make_private_folder(folder)
        for name, text in written.items():
            write_file(folder / name, text)
    for run_path in runs.values():
        write_ledger(run_path)
    picture = b64encode(plot.encode()).decode()
    report = f"{table}\n![forget against utility](data:image/svg+xml;base64,{picture})\n"
    create_markdown_artifact(report, key=folder.name, description="Methods side by side.")

"""What a person reads after Release alone, and after an export."""

from pathlib import Path

from rich.console import Console

from tasks.report.summary import taken_steps
from tasks.report.tables import print_rows, remarks, step_rows
from tasks.store.manifests import read_manifest


def print_released(run_path: Path, last_step: int, console: Console) -> None:
    """The steps that were taken; nothing is judged or published yet."""
    steps = {"steps": taken_steps(run_path), "reasons": []}
    print_rows(console, "Steps, on the tune split, which steers", step_rows(steps))
    for remark in remarks(steps):
        console.print(f"- {remark}")
    console.print(
        f"best step: {last_step}; python -m flows.reveal_release with the same settings measures the report "
        "split, judges, and publishes.",
        soft_wrap=True,
    )


def print_exported(folder: Path, step: int, form: str, console: Console) -> None:
    """Where it is, and how it is read; what a lower rank has cost."""
    if form == "merged":
        console.print(f"model after step {step}: {folder}", soft_wrap=True)
        return
    scores = read_manifest(folder)["scores"]
    console.print(
        f"adapter of rank {scores['rank']} on the untouched model, as after step {step}: {folder}", soft_wrap=True
    )
    if form == "recompressed":
        console.print(
            f"relative error: {scores['relative_error']:.2e} of the update, "
            f"at most {max(scores['layer_errors'].values()):.2e} of a layer's"
        )

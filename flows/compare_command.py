"""`python -m flows.compare`: other methods beside ours, as a table, a plot and a page."""

from collections.abc import Iterable
from pathlib import Path

from flows.command import flow_outcome, run_command, run_units
from flows.command_line import Arguments
from flows.comparing import check_comparison
from flows.plan import Plan
from tasks.store.keys import Unit
from tasks.store.run import Run


def compare_command(arguments: list[str] | None = None) -> int:
    """Compare from the command line; returns the exit code."""
    return run_command(
        arguments,
        program="python -m flows.compare",
        description="Run other unlearning methods beside ours on what a model revealed, and measure all alike. Takes "
        "the settings of a run, and adds to it; --plan shows the units of the run of --seed.",
        check=lambda read: check_comparison(read.settings),
        run=_compare,
        units=_units,
    )


def _compare(read: Arguments) -> int:
    from rich.console import Console

    from flows.compare import compare
    from tasks.report.comparison import print_comparison, read_comparison

    outcome = flow_outcome(compare, read.settings)
    if isinstance(outcome, BaseException):
        return 1
    console = Console()
    print_comparison(read_comparison(Path(outcome)), console)
    console.print(f"page: {Path(outcome) / 'compare.html'}", soft_wrap=True)
    return 0


def _units(run: Run, plan: Plan) -> Iterable[Unit]:
    yield from run_units(run, plan)
    yield from plan.comparison()

"""From a command line to a flow run and an exit code: what `python -m flows.reveal_release` and its sisters share.

Exit codes: 0 accepted, revealed, or assessed; 2 the user's input, or the user's deadline was reached; 3 rejected, or
nothing revealed; 1 our fault. A SIGTERM ends the process as it ends any other.
"""

import logging
import os
import signal
import sys
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

from flows.check_target import check_target
from flows.command_line import Arguments, read_arguments
from flows.estimate import estimate
from flows.opening import open_assessment, open_run, peek_run, released_step
from flows.plan import Plan
from flows.run_settings import RunSettings
from tasks.models.model_folder import is_downloaded
from tasks.settings.errors import UserError
from tasks.settings.model import LAB
from tasks.store.disk import make_private_folder
from tasks.store.keys import Unit
from tasks.store.run import Run

_PREFECT = {
    "DO_NOT_TRACK": "1",
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",  # With it on, the embedded server's database was locked at times.
    "PREFECT_CLOUD_ENABLE_ORCHESTRATION_TELEMETRY": "false",
    "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS": "600",  # 20 s, and once 120 s, was too little.
    "PREFECT_SERVER_UI_SHOW_PROMOTIONAL_CONTENT": "false",
}

CHECK_TARGET = MappingProxyType(
    {
        "--check-target": {
            "metavar": "FILE",
            "help": "read a target's file, have the model answer a few of its prompts, print the scores; run nothing",
        }
    }
)


def main(arguments: list[str] | None = None) -> int:
    """Run Reveal-and-Release from the command line; returns the exit code."""
    return run_command(
        arguments,
        program="python -m flows.reveal_release",
        description="Reveal what a model knows of a target, and release it from its weights.",
        check=_open,
        run=_reveal_release,
        options=CHECK_TARGET,
    )


def reveal_command(arguments: list[str] | None = None) -> int:
    """Run Reveal alone from the command line, up to the forget set; returns the exit code."""
    return run_command(
        arguments,
        program="python -m flows.reveal",
        description="Have a model write what it knows of a target: search, forget set, and no more.",
        check=_open,
        run=_reveal,
    )


def assess_command(arguments: list[str] | None = None) -> int:
    """Try from the command line to bring back what a model was made to forget; returns the exit code."""
    return run_command(
        arguments,
        program="python -m flows.assess",
        description="Try to bring back what a model was made to forget: after a run, or on a model of any origin.",
        check=lambda read: open_assessment(read.settings),
        run=_assess,
        units=_assessment_units,
    )


def run_command(
    arguments: list[str] | None,
    *,
    program: str,
    description: str,
    check: Callable[[Arguments], object],
    run: Callable[[Arguments], int],
    units: Callable[[Run, Plan], Iterable[Unit]] | None = None,
    options: Mapping[str, Mapping[str, Any]] = MappingProxyType({}),
) -> int:
    """What all commands have in common; returns the exit code.

    Args:
        arguments: Without the program's name; None: those of this process.
        program: As the user calls it.
        description: What it does, for the help.
        check: Refuses what cannot be used, before Prefect is even imported.
        run: Does the work, and returns the exit code.
        units: What `--plan` shows of a run; those of the run itself where it is not given.
        options: Flags of this command that are no settings; see `read_arguments`.
    """
    os.umask(0o077)  # Whatever is written beside the store, such as Prefect's database, is private as well.
    try:
        given = sys.argv[1:] if arguments is None else arguments
        read = read_arguments(given, program=program, description=description, options=options)
        if read.plan:
            return _print_plan(read.settings, units or run_units)
        if file := read.options.get("check_target"):
            return check_target(read.settings, file)
        check(read)
        prepare_prefect(read.settings.runs_dir)
        return run(read)
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)  # noqa: T201
        return 2


def _print_plan(settings: RunSettings, units: Callable[[Run, Plan], Iterable[Unit]]) -> int:
    """Memory and time of a run; each unit, its key, and whether it is done. Nothing is made, no model is fetched."""
    from rich.console import Console

    console = Console(highlight=False, soft_wrap=True)
    models = {"model.path": settings.model.path, "assess.checkpoint": settings.assess.checkpoint}
    missing = [path for name, path in models.items() if path not in (LAB, "") and not is_downloaded(path, setting=name)]
    states = [] if missing else _states(settings, units)  # Bad input is refused before anything is told.
    if settings.model.path != LAB and units is run_units:
        console.print("\n".join([*estimate(settings), ""]), markup=False)
    if missing:
        console.print(f"{missing[0]} is not on this machine; keys are known once it is, for they hold its digest.")
    for line in states:
        console.print(line)
    return 0


def _states(settings: RunSettings, units: Callable[[Run, Plan], Iterable[Unit]]) -> list[str]:
    run, plan = peek_run(settings)
    return [
        f"{unit.name:<24}  {unit.key[:16]}  {'done' if plan.find(run, unit) else 'missing'}"
        for unit in units(run, plan)
    ]


def run_units(run: Run, plan: Plan) -> Iterable[Unit]:
    """The units of a run: those it has made, or, while it is not finished, those it may make."""
    from tasks.report.summary import SUMMARY, read_summary, taken_steps

    # A run tells which steps it took; how many more there will be is not known before the end.
    if (run.path / SUMMARY).exists():
        return plan.units(steps=len(taken_steps(run.path)), last_step=read_summary(run.path)["last_step"])
    steps = plan.settings.release.steps
    return plan.units(steps=steps, last_step=steps)


def _assessment_units(run: Run, plan: Plan) -> Iterable[Unit]:
    return plan.assessment(0 if plan.settings.assess.checkpoint else released_step(run))


def _open(read: Arguments) -> None:
    open_run(read.settings)


def _reveal_release(read: Arguments) -> int:
    from prefect.exceptions import FailedRun

    from flows.reveal_release import reveal_release

    # A rejected run is a failed one: its outcome is the exception that says so.
    outcome = flow_outcome(reveal_release, read.settings)
    if isinstance(outcome, BaseException) and not isinstance(outcome, FailedRun):
        return 1
    return _print_outcome(run_folder(read.settings))


def _reveal(read: Arguments) -> int:
    from flows.reveal import reveal

    outcome = flow_outcome(reveal, read.settings)
    if isinstance(outcome, BaseException):
        return 1
    return _print_revealed(run_folder(read.settings))


def _assess(read: Arguments) -> int:
    from rich.console import Console

    from flows.assess import assess
    from tasks.report.durability import DURABILITY, print_durability, read_durability
    from tasks.report.run_page import PAGE

    outcome = flow_outcome(assess, read.settings)
    if isinstance(outcome, BaseException):
        return 1
    run_path = run_folder(read.settings)
    print_durability(read_durability(run_path, outcome), Console())
    Console().print(f"durability: {run_path / outcome}", soft_wrap=True)
    if outcome == DURABILITY:
        Console().print(f"report: {run_path / PAGE}", soft_wrap=True)
    return 0


def run_folder(settings: RunSettings) -> Path:
    """Where the results of a run are."""
    return Path(settings.runs_dir) / settings.run_name


def flow_outcome(flow: Any, settings: RunSettings, **parameters: Any) -> Any:
    """What a flow returned, or the exception that it ended with; a SIGTERM on the way ends this process, as it does.

    Raises:
        UserError: what the user gave cannot be used, or no Prefect server answers.
    """
    signal.signal(signal.SIGTERM, _end)
    try:
        state = flow(settings, **parameters, return_state=True)
        outcome = state.result(raise_on_failure=False)
    except BaseException as error:
        _end_if_terminated(error)
        if isinstance(error, RuntimeError) and "Failed to reach API" in str(error):
            raise UserError(
                f"PREFECT_API_URL is {os.environ.get('PREFECT_API_URL')!r}, where no server answers; start or unset it."
            ) from None
        raise
    _end_if_terminated(outcome)
    if isinstance(outcome, UserError):
        raise outcome
    return outcome


def _end_if_terminated(outcome: Any) -> None:
    """End by SIGTERM where an outcome has one among its causes.

    Prefect makes an exception of the signal, tells its server, and ends the process by it. Where the signal hits
    Prefect itself, in the middle of a request say, another exception comes of it, and the flow counts as one that
    failed.
    """
    from prefect.exceptions import TerminationSignal

    while isinstance(outcome, BaseException):
        if isinstance(outcome, TerminationSignal):
            _end()
        outcome = outcome.__cause__ or outcome.__context__


def _end(*_: Any) -> None:
    """End this process by SIGTERM, and Prefect's temporary server, which stops only where a process ends by itself."""
    if server := sys.modules.get("prefect.server.api.server"):
        server.SubprocessASGIServer().stop()
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signal.raise_signal(signal.SIGTERM)


def _print_outcome(run_path: Path) -> int:
    from rich.console import Console

    from tasks.report.run_page import PAGE
    from tasks.report.summary import read_summary
    from tasks.report.tables import print_summary

    summary = read_summary(run_path)
    console = Console()
    print_summary(summary, console)
    is_accepted = summary["verdict"] == "accepted"
    where = f"unlearned model: {run_path / 'model'}" if is_accepted else f"no model published; see {run_path}"
    console.print(where, soft_wrap=True)
    console.print(f"report: {run_path / PAGE}", soft_wrap=True)
    return 0 if is_accepted else 3


def _print_revealed(run_path: Path) -> int:
    from rich.console import Console

    from tasks.report.revealed import print_revealed

    return 0 if print_revealed(run_path, Console()) else 3


def prepare_prefect(runs_dir: str) -> None:
    """Quiet, without telemetry, and with its database beside the runs unless a server or a profile is set."""
    for name, value in _PREFECT.items():
        os.environ.setdefault(name, value)
    has_profile = (Path.home() / ".prefect" / "profiles.toml").exists()
    if not has_profile and not any(f"PREFECT_{name}" in os.environ for name in ("HOME", "API_URL", "PROFILE")):
        home = Path(runs_dir).absolute() / ".prefect"
        make_private_folder(home)
        os.environ["PREFECT_HOME"] = str(home)
    for name in ("prefect.flow_runs", "prefect.task_runs"):
        logging.getLogger(name).addFilter(_without_traceback)


def _without_traceback(record: logging.LogRecord) -> bool:
    """What the user did is said in one sentence at the end; a traceback is for what we did."""
    is_users = record.exc_info is not None and isinstance(record.exc_info[1], UserError)
    return not is_users

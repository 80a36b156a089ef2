"""`python -m flows.reunlearn`: a night; a verdict on a run that waits; which model is in production.

Exit codes of a night, by the worst that happened: 0 nothing to do, or all is well; 1 our fault; 2 the user's input; 3 a
run was rejected; 4 one waits for approval.
"""

import argparse
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

from flows.command import flow_outcome, prepare_prefect
from flows.command_line import read_settings
from flows.reunlearn_settings import ReunlearnSettings
from tasks.settings.errors import UserError

OPTIONS = MappingProxyType(
    {
        "decision": {
            "nargs": "?",
            "choices": ["approve", "reject"],
            "help": "put this verdict on a run that waits; the next night goes on with it",
        },
        "run": {"nargs": "?", "metavar": "RUN", "help": "name of the run that waits"},
        "--reason": {"default": "", "metavar": "TEXT", "help": "of a verdict or a rollback; recorded"},
        "--name": {"default": "", "metavar": "NAME", "help": "who decides or rolls back; recorded"},
        "--rollback": {"action": "store_true", "help": "put the previous model back into production"},
        "--register": {
            **{"dest": "register_dir", "default": argparse.SUPPRESS, "metavar": "DIR"},
            "help": "short for --register-dir",
        },
        "--adopt": {"metavar": "FOLDER", "help": "put a model from outside into production"},
    }
)


def reunlearn_command(arguments: list[str] | None = None) -> int:
    """Spend a night, decide, roll back or adopt, from the command line; returns the exit code."""
    os.umask(0o077)
    try:
        settings, options = read_settings(
            sys.argv[1:] if arguments is None else arguments,
            ReunlearnSettings,
            program="python -m flows.reunlearn",
            description="Audit the model in production for all that it was made to forget, release again what leaks, "
            "release what is newly asked for, and publish; or decide on a run that waits.",
            options=OPTIONS,
        )
        asked = [name for name in ("decision", "rollback", "adopt") if options[name]]
        if len(asked) > 1:
            raise UserError("a verdict, --rollback and --adopt are given at once; give one of them.")
        return _ACTIONS[asked[0] if asked else ""](settings, options)
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)  # noqa: T201
        return 2


def _spend_night(settings: ReunlearnSettings, options: Mapping[str, Any]) -> int:
    if options["reason"] or options["name"]:
        raise UserError("--reason and --name belong to a verdict or a rollback; give `approve RUN` or `reject RUN`.")
    _check(settings)
    prepare_prefect(settings.runs_dir)
    from prefect.exceptions import FailedRun

    from flows.reunlearn import reunlearn
    from tasks.register.record import Record

    outcome = flow_outcome(reunlearn, settings)
    if isinstance(outcome, BaseException) and not isinstance(outcome, FailedRun):
        return 1
    return _print_night(Record.beside(Path(settings.production)).nights()[-1])


def _check(settings: ReunlearnSettings) -> None:
    """What no night can go without, before Prefect is started."""
    from tasks.register.production import read_production
    from tasks.register.register import read_register

    read_production(Path(settings.production))
    read_register(Path(settings.register_dir))


def _decide(settings: ReunlearnSettings, options: Mapping[str, Any]) -> int:
    from tasks.register.verdict import Verdict, decide_waiting

    if not options["run"]:
        raise UserError(f"{options['decision']} needs the name of a run; give `{options['decision']} RUN`.")
    verdict = Verdict.make(options["decision"], reason=options["reason"], name=options["name"])
    decide_waiting(Path(settings.runs_dir), options["run"], verdict)
    print(f"{options['run']}: {verdict.decision}, by {verdict.name}; the next night goes on with it")  # noqa: T201
    return 0


def _roll_back(settings: ReunlearnSettings, options: Mapping[str, Any]) -> int:
    from tasks.register.rollback import roll_back_production

    now = roll_back_production(
        Path(settings.production), Path(settings.runs_dir), reason=options["reason"], name=options["name"]
    )
    print(f"taken back: version {now.taken_back.version}, {now.taken_back.path}")  # noqa: T201
    print(f"in production: version {now.current.version}, {now.current.path}")  # noqa: T201
    return 0


def _adopt(settings: ReunlearnSettings, options: Mapping[str, Any]) -> int:
    from tasks.register.rollback import adopt_model

    now = adopt_model(Path(settings.production), Path(options["adopt"]), name=options["name"])
    print(f"in production: version {now.version}, {now.path}")  # noqa: T201
    return 0


def _print_night(record: Mapping[str, Any]) -> int:
    for sentence in [*record["refused"].values(), *record["unaudited"].values()]:
        print(f"refused: {sentence}", file=sys.stderr)  # noqa: T201
    for one in record["released"]:
        print(f"{one['request']}: {one['verdict']} ({one['run']})", *one["reasons"], sep="\n  ")  # noqa: T201
    version = record["model"]
    print(f"night {record['night']}: {record['outcome']}")  # noqa: T201
    print(f"in production: version {version['version']}, {version['path']}")  # noqa: T201
    return record["exit_code"]


_ACTIONS = {"": _spend_night, "decision": _decide, "rollback": _roll_back, "adopt": _adopt}

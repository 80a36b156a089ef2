"""`python -m flows.release`: release a revealed run, go back to a step of it, or export what it has changed."""

from pathlib import Path
from types import MappingProxyType
from typing import Any, get_args

from flows.command import flow_outcome, run_command, run_folder
from flows.command_line import Arguments
from flows.exporting import Form, find_forget_set, plan_export
from flows.pushing import Push, plan_push, published_folder, push
from tasks.settings.errors import UserError

OPTIONS = MappingProxyType(
    {
        "--undo-to": {
            "type": int,
            "metavar": "STEP",
            "help": "write the model after this step of the run, 0 for the untouched one, into undone/",
        },
        "--export": {
            "choices": get_args(Form),
            "help": "write the model, its whole update as one adapter (PEFT), or that at a lower rank, into export/",
        },
        "--export-rank": {"type": int, "metavar": "R", "help": "rank of a recompressed adapter"},
        "--push": {
            "metavar": "OWNER/NAME",
            "help": "send the published model of an accepted run, or what --export writes, to a private repository of "
            "the Hugging Face hub; the token is the environment's HF_TOKEN",
        },
        "--public": {"action": "store_true", "help": "with --push: everybody may read it"},
    }
)


def release_command(arguments: list[str] | None = None) -> int:
    """Run Release alone, or export a checkpoint, from the command line; returns the exit code."""
    return run_command(
        arguments,
        program="python -m flows.release",
        description="Release what `python -m flows.reveal` has revealed, with the same settings; or write the model "
        "after any step of a run, or its update as an adapter. The run's results and the untouched model stay.",
        check=_check,
        run=_run,
        options=OPTIONS,
    )


def _check(read: Arguments) -> None:
    pushed = _push_asked(read)
    if asked := _asked(read):
        plan_export(read.settings, **asked)
    elif pushed:
        published_folder(read.settings)
    else:
        find_forget_set(read.settings)


def _run(read: Arguments) -> int:
    if asked := _asked(read):
        return _export(read, asked)
    return _push(read, published_folder(read.settings)) if read.options["push"] else _release(read)


def _push_asked(read: Arguments) -> Push | None:
    repository, public = read.options["push"], read.options["public"]
    if repository is None:
        if public:
            raise UserError("--public is given without --push; add --push OWNER/NAME.")
        return None
    return plan_push(read.settings, repository, public=public, undo_to=read.options["undo_to"])


def _push(read: Arguments, folder: Path) -> int:
    from rich.console import Console

    Console().print(f"pushed: {push(read.settings, folder, _push_asked(read))}", soft_wrap=True)
    return 0


def _asked(read: Arguments) -> dict[str, Any]:
    """The parameters of `export` that the command line asks for; none: it asks for a release."""
    undo_to, form, rank = (read.options[name] for name in ("undo_to", "export", "export_rank"))
    if (undo_to, form, rank) == (None, None, None):
        return {}
    return {"form": form or "merged", "undo_to": undo_to, "rank": rank}


def _export(read: Arguments, asked: dict[str, Any]) -> int:
    from rich.console import Console

    from flows.export import export
    from tasks.report.released import print_exported

    written = flow_outcome(export, read.settings, **asked)
    if isinstance(written, BaseException):
        return 1
    step = plan_export(read.settings, **asked)[2].step
    print_exported(written.folder, step, asked["form"], Console())
    return _push(read, written.folder) if read.options["push"] else 0


def _release(read: Arguments) -> int:
    from rich.console import Console

    from flows.release import release_revealed
    from tasks.report.released import print_released

    console = Console()
    if not find_forget_set(read.settings).manifest()["scores"]["forget_set_size"]:
        console.print("The model has revealed nothing of the target: there is nothing to release.")
        return 3
    last_step = flow_outcome(release_revealed, read.settings)
    if isinstance(last_step, BaseException):
        return 1
    print_released(run_folder(read.settings), last_step, console)
    return 0 if last_step else 3

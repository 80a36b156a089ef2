"""Verify the record of a run, or another ledger: offline, from the files alone, without Prefect and without a model.

python -m flows.verify runs/lab-toxicity-s0
python -m flows.verify runs/ledger.jsonl
"""

import argparse
import sys
from pathlib import Path
from typing import NoReturn

from tasks.settings.errors import UserError
from tasks.store.chain import KEY_VARIABLE, ledger_key
from tasks.store.ledger import LEDGER, SETTINGS, Verified, verify_chain, verify_ledger


def verify_command(arguments: list[str] | None = None) -> int:
    """Verify from the command line.

    Returns:
        0: all is as recorded; 2: there is nothing to verify at that path; 3: the first broken link is named.
    """
    parser = _Parser(
        prog="python -m flows.verify",
        description="Check a run's ledger, manifests and files, or the chain of another ledger. "
        f"HMACs are checked with the key in {KEY_VARIABLE}. Exit codes: 0 as recorded, 2 wrong usage, 3 broken.",
    )
    parser.add_argument("path", type=Path, metavar="RUN|LEDGER", help=f"folder of a run, or a {LEDGER}")
    try:
        path = _found(parser.parse_args(arguments).path)
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)  # noqa: T201
        return 2
    try:
        verified = verify_ledger(path) if path.is_dir() else verify_chain(path)
    except UserError as error:
        print(f"broken: {error}", file=sys.stderr)  # noqa: T201
        return 3
    print("\n".join(_sentences(path, verified)))  # noqa: T201
    return 0


def _found(path: Path) -> Path:
    """The folder of a run, or a ledger that is no run's."""
    if path.is_file():
        return path.parent if path.name == LEDGER and (path.parent / SETTINGS).exists() else path
    if not (path / SETTINGS).is_file() and not (path / LEDGER).is_file():
        raise UserError(f"{path} is neither the folder of a run nor a ledger; give runs/<name>, or a {LEDGER}.")
    return path


def _sentences(path: Path, verified: Verified) -> list[str]:
    lines = len(verified.links)
    what = f"{verified.num_units} units, {verified.num_files} files" if path.is_dir() else f"{verified.num_files} files"
    told = [f"{path}: {lines} lines, {what}, all as recorded"]
    told += [f"purged on {time[:10]}, as recorded: {name}" for name, time in sorted(verified.purged.items())]
    if ledger_key():
        told.append(f"HMAC: {verified.num_signed} of {lines} lines carry one, made with the key; it vouches for all")
    else:
        told.append(f"HMAC: not checked, {KEY_VARIABLE} is not set; {verified.num_signed} of {lines} lines carry one")
    told.append(f"head: {verified.head}")
    return [*told, "An end cut off with all that it records does not show: compare the head with one kept elsewhere."]


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        """One sentence, without the page of usage."""
        raise UserError(f"{message}; give the folder of a run, or a {LEDGER}.")


if __name__ == "__main__":
    raise SystemExit(verify_command())

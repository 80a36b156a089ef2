"""The run's ledger: a hash chain over its manifests, for an audit that trusts no database.

Each line of ``ledger.jsonl`` is ``{seq, unit, manifest, previous, hash}``: ``manifest`` is the sha256 of the unit's
manifest, which holds the sha256 of its files; ``previous`` is the hash of the line before, 64 zeros at first; ``hash``
is the sha256 of the line's other four as canonical JSON. So the last hash stands for every byte of the run's
units (not for the summary, which is drawn from them). Someone who rewrites the whole run can rewrite the chain too:
keep the last hash elsewhere, and compare.
"""

import json
from pathlib import Path

from tasks.settings.errors import UserError
from tasks.store.digests import file_digest
from tasks.store.disk import disk_errors, write_file
from tasks.store.folders import PARTIAL, verify_folder
from tasks.store.keys import canonical_json, json_digest
from tasks.store.manifests import MANIFEST, read_manifest

LEDGER = "ledger.jsonl"
GENESIS = "0" * 64


def write_ledger(run_path: Path) -> str:
    """Write the ledger of all complete units, in the order in which they ended; return the last hash.

    The same manifests give the same bytes, and units that ended later only add lines.

    Raises:
        UserError: a manifest is damaged, or the folder cannot be written.
    """
    ended = {unit: read_manifest(run_path / unit)["ended"] for unit in _units(run_path)}
    last, lines = GENESIS, []
    for seq, unit in enumerate(sorted(ended, key=lambda unit: (ended[unit], unit)), start=1):
        line, last = _link(seq, unit, file_digest(run_path / unit / MANIFEST), last)
        lines.append(line + "\n")
    with disk_errors(run_path):
        write_file(run_path / LEDGER, "".join(lines))
    return last


def verify_ledger(run_path: Path) -> str:
    """Check the chain, the manifests and the files of a run; return the last hash. Needs nothing but the folder.

    Raises:
        UserError: the ledger is missing; a line is broken; a manifest or file is missing or damaged; or a unit is not
            in the ledger. The first found is named.
    """
    path = run_path / LEDGER
    if not path.is_file():
        raise UserError(f"{path} is missing: a run gets it when a unit of it is complete")
    last, recorded = GENESIS, set()
    for seq, line in enumerate(path.read_bytes().splitlines(), start=1):
        unit, digest = _read_link(line)
        expected, last = _link(seq, unit, digest, last)
        if line != expected.encode():
            raise UserError(f"{path} is broken at line {seq}: that line was changed, or one before it removed")
        manifest = run_path / unit / MANIFEST
        if not manifest.is_file() or file_digest(manifest) != digest:
            raise UserError(f"{manifest} is not the one that line {seq} of {path} records: it was changed or removed")
        verify_folder(run_path / unit)
        recorded.add(unit)
    for unit in _units(run_path):
        if unit not in recorded:
            raise UserError(f"{run_path / unit} is not in {path}: it was added later, or its line removed")
    return last


def _units(run_path: Path) -> list[str]:
    """Names of the complete units of a run, which are their folders below it."""
    folders = (path.parent.relative_to(run_path) for path in run_path.rglob(MANIFEST))
    return sorted(unit.as_posix() for unit in folders if not any(part.endswith(PARTIAL) for part in unit.parts))


def _link(seq: int, unit: str, manifest: str, previous: str) -> tuple[str, str]:
    """A line of the ledger and its hash."""
    link = {"seq": seq, "unit": unit, "manifest": manifest, "previous": previous}
    digest = json_digest(link)
    return canonical_json(link | {"hash": digest}), digest


def _read_link(line: bytes) -> tuple[str, str]:
    """Unit and manifest digest of a line; empty where it cannot be read, so that it is found to be broken."""
    try:
        link = json.loads(line)
        return str(link["unit"]), str(link["manifest"])
    except (ValueError, LookupError, TypeError):
        return "", ""

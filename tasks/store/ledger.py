"""The run's ledger: a hash chain over its settings, manifests, verdict and certificate, for an audit offline.

``ledger.jsonl`` holds for each unit the sha256 of its manifest, which holds the sha256 of its files: so the last hash
stands for every byte of the run's results. It is written when a run ends; the chain itself is in `tasks.store.chain`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tasks.settings.errors import UserError
from tasks.store.chain import GENESIS, Chain, Link
from tasks.store.digests import file_digest, file_names
from tasks.store.entries import Entry, ManifestEntry, PurgeEntry, RequestEntry
from tasks.store.folders import PARTIAL
from tasks.store.manifests import MANIFEST, read_manifest, verify_files

LEDGER = "ledger.jsonl"
SETTINGS = "settings.yaml"
CERTIFICATE = "certificate.json"
"""What the last line records when a run has been closed: where it is there, the line must be."""


@dataclass(frozen=True)
class Verified:
    """What a ledger was found to hold, all of it as recorded."""

    links: Sequence[Link]
    purged: Mapping[str, str]
    """When each file that is gone on purpose was purged, by its name below the ledger's folder."""
    num_units: int
    num_files: int
    """Files whose sha256 was compared."""

    @property
    def head(self) -> str:
        """The last hash, which stands for everything before it."""
        return self.links[-1].hash if self.links else GENESIS

    @property
    def num_signed(self) -> int:
        """Lines that carry an HMAC."""
        return sum(link.hmac is not None for link in self.links)


def write_ledger(run_path: Path, *entries: Entry) -> str:
    """Record what is new of a run: its settings, its complete units in the order in which they ended, then `entries`.

    What the ledger says already is not written again, so nothing new adds no line.

    Returns:
        The last hash.

    Raises:
        UserError: the ledger is broken or needs its key, a manifest is damaged, or the folder cannot be written.
    """
    ledger = Chain(run_path / LEDGER)
    recorded = [link.entry for link in ledger.links()]
    news = [entry for entry in [*_requests(run_path), *_manifests(run_path), *entries] if _is_news(entry, recorded)]
    return ledger.append(*news)


def verify_ledger(run_path: Path) -> Verified:
    """Check the chain, the manifests and the files of a run. Needs nothing but the folder.

    Raises:
        UserError: the ledger is missing or broken; a manifest or file is missing or changed, and not purged; or a unit,
            or a file in one, is not recorded. The first found is named.
    """
    path = run_path / LEDGER
    links = Chain(path).verify()
    num_files = _verify_own_files(run_path, links)
    purged = _purged(links)
    for name, link in purged.items():
        if (run_path / name).exists():
            raise UserError(f"{run_path / name} is there, but line {link.seq} of {path} says that it was purged")
    units = {link.entry.unit: link for link in links if isinstance(link.entry, ManifestEntry)}
    for unit, link in units.items():
        manifest = run_path / unit / MANIFEST
        if not manifest.is_file() or file_digest(manifest) != link.entry.manifest:
            raise UserError(
                f"{manifest} is not the one that line {link.seq} of {path} records: it was changed or removed"
            )
        num_files += _verify_unit(run_path / unit, units, _purged_in(unit, purged))
    if (run_path / CERTIFICATE).exists() and not any(CERTIFICATE in link.entry.files for link in links):
        raise UserError(f"{run_path / CERTIFICATE} is not in {path}: lines were cut off its end")
    for unit in _units(run_path):
        if unit not in units:
            raise UserError(f"{run_path / unit} is not in {path}: it was added later, or its line removed")
    return Verified(links, {name: link.time for name, link in purged.items()}, len(units), num_files)


def verify_chain(path: Path) -> Verified:
    """Check a ledger that is no run's: the chain, and those of its files that lie below its folder.

    Raises:
        UserError: it is broken, or a file is missing or changed; the first found is named.
    """
    links = Chain(path).verify()
    return Verified(links, {}, 0, _verify_own_files(path.parent, links))


def purged_files(run_path: Path, unit: str) -> dict[str, str]:
    """Digests of the files of a unit that the run's ledger records as purged, by name in the unit's folder.

    Raises:
        UserError: the ledger is broken.
    """
    return _purged_in(unit, _purged(Chain(run_path / LEDGER).links()))


def refuse_purged(run_path: Path, file: str) -> None:
    """Say why a file of a run, named below it, is not there, where that is on purpose.

    Raises:
        UserError: it was purged.
    """
    if not (run_path / file).exists() and (link := _purged(Chain(run_path / LEDGER).links()).get(file)):
        raise UserError(
            f"{run_path / file} was purged on {link.time[:10]} (line {link.seq} of {LEDGER}), and this needs it: "
            "begin a run of another name to reveal again"
        )


def _requests(run_path: Path) -> list[Entry]:
    path = run_path / SETTINGS
    if not path.is_file():
        return []
    return [RequestEntry(request=run_path.name, digest=file_digest(path), file=SETTINGS)]


def _manifests(run_path: Path) -> list[Entry]:
    ended = {unit: read_manifest(run_path / unit)["ended"] for unit in _units(run_path)}
    return [
        ManifestEntry(unit=unit, manifest=file_digest(run_path / unit / MANIFEST))
        for unit in sorted(ended, key=lambda unit: (ended[unit], unit))
    ]


def _is_news(entry: Entry, recorded: Sequence[Entry]) -> bool:
    earlier = [one for one in recorded if entry.replaces(one)]
    return not earlier or earlier[-1] != entry


def _units(run_path: Path) -> list[str]:
    """Names of the complete units of a run, which are their folders below it."""
    folders = (path.parent.relative_to(run_path) for path in run_path.rglob(MANIFEST))
    return sorted(unit.as_posix() for unit in folders if not any(part.endswith(PARTIAL) for part in unit.parts))


def _verify_own_files(folder: Path, links: Sequence[Link]) -> int:
    """Check the files that entries stand for themselves, such as the summary; returns how many they are."""
    files = {name: (digest, link) for link in links for name, digest in link.entry.files.items()}
    for name, (digest, link) in files.items():
        path = folder / name
        if not path.is_file():
            raise UserError(f"{path} is missing: line {link.seq} of {LEDGER} records it")
        if file_digest(path) != digest:
            raise UserError(f"{path} was changed: it is not what line {link.seq} of {LEDGER} records")
    return len(files)


def _verify_unit(folder: Path, units: Mapping[str, Link], purged: Mapping[str, str]) -> int:
    """Check the files of one unit; returns how many were read."""
    manifest = read_manifest(folder)
    verify_files(folder, manifest, purged)
    inner = [other for other in units if other.startswith(f"{manifest['unit']}/")]
    for name in file_names(folder):
        is_inner = any(f"{manifest['unit']}/{name}".startswith(f"{other}/") for other in inner)
        is_partial = any(part.endswith(PARTIAL) for part in Path(name).parts)
        if name != MANIFEST and name not in manifest["files"] and not is_inner and not is_partial:
            raise UserError(f"{folder / name} is not in the {MANIFEST} beside it: it was added later")
    return len(manifest["files"].keys() - purged.keys())


def _purged(links: Sequence[Link]) -> dict[str, Link]:
    """The last line that says so, by file."""
    return {name: link for link in links if isinstance(link.entry, PurgeEntry) for name in link.entry.purged}


def _purged_in(unit: str, purged: Mapping[str, Link]) -> dict[str, str]:
    inside = {name.removeprefix(f"{unit}/"): name for name in purged if name.startswith(f"{unit}/")}
    return {short: purged[name].entry.purged[name] for short, name in inside.items()}

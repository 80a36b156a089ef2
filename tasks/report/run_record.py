"""What the files of a finished run say beside its summary: rounds, limits, settings, and what an auditor compares."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import yaml

from tasks.assess.scores import Scores
from tasks.store.chain import GENESIS, Chain
from tasks.store.entries import ManifestEntry
from tasks.store.ledger import LEDGER
from tasks.store.manifests import MANIFEST, read_manifest
from tasks.store.run import SETTINGS

UNTOLD = ("runs_dir", "target", "model.api_url", "assess")
"""Settings that a page leaves out: what is to be forgotten, where things lie, and what an assessment may change."""


@dataclass(frozen=True)
class RunRecord:
    """Read from a run's folder; no text that a model wrote or was asked.

    Attributes:
        limits: The settings of `measure`.
        settings: All others that a page may tell, by dotted path, as text.
        rounds: Of the search.
        untouched: The untouched model on the `tune` split; none where nothing was revealed.
        devices: What the units were made on, such as `cpu, float32`.
        revisions: Of the code that made them.
        packages: Versions, by package; more than one where a run went on under others.
        head: The last hash of the ledger.
        units: What the ledger says of units: `unit`, `manifest` (its sha256), and the `hash` of the line.
        keys: Of each unit in the ledger.
        model_files: sha256 by name of the published model's files; empty where none was published.
    """

    limits: Mapping[str, Any]
    settings: Mapping[str, str]
    rounds: list[Mapping[str, Any]]
    untouched: Scores | None
    devices: list[str]
    revisions: list[str]
    packages: Mapping[str, str]
    head: str
    units: list[Mapping[str, Any]]
    keys: Mapping[str, str]
    model_files: Mapping[str, str]


def read_record(run_path: Path) -> RunRecord:
    """The record of a run whose ledger is written.

    Raises:
        UserError: a manifest is damaged, or the ledger is broken.
    """
    resolved = yaml.safe_load((run_path / SETTINGS).read_bytes())["resolved"]
    links = Chain(run_path / LEDGER).links()
    units = [{**asdict(link.entry), "hash": link.hash} for link in links if isinstance(link.entry, ManifestEntry)]
    manifests = {unit["unit"]: read_manifest(run_path / unit["unit"]) for unit in units}
    rounds = run_path / "search/rounds.jsonl"
    untouched = run_path / "step-00/scores.json"
    files = manifests["model"]["files"] if (run_path / "model" / MANIFEST).exists() else {}
    return RunRecord(
        limits=resolved["measure"],
        settings={name: str(value) for name, value in _told(resolved)},
        rounds=_json_lines(rounds) if rounds.exists() else [],
        untouched=Scores.from_json(json.loads(untouched.read_text())) if untouched.exists() else None,
        devices=_distinct(_device(manifest) for manifest in manifests.values()),
        revisions=_distinct(str(manifest["revision"]) for manifest in manifests.values()),
        packages=_versions(manifests.values()),
        head=links[-1].hash if links else GENESIS,
        units=units,
        keys={unit: manifest["key"] for unit, manifest in manifests.items()},
        model_files={name: file["sha256"] for name, file in files.items()},
    )


def _json_lines(path: Path) -> list[Mapping[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def _told(settings: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in settings.items():
        path = prefix + name
        if path in UNTOLD:
            continue
        if isinstance(value, Mapping):
            yield from _told(value, f"{path}.")
        else:
            yield path, value


def _device(manifest: Mapping[str, Any]) -> str:
    environment = manifest["identity"]["environment"]
    return ", ".join(str(environment[name]) for name in ("device", "dtype") if name in environment)


def _versions(manifests: Any) -> dict[str, str]:
    found: dict[str, list[str]] = {}
    for manifest in manifests:
        for package, version in manifest["packages"].items():
            found.setdefault(package, []).append(str(version))
    return {package: ", ".join(_distinct(versions)) for package, versions in found.items()}


def _distinct(values: Any) -> list[str]:
    return [value for value in dict.fromkeys(values) if value]

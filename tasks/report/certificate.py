"""The certificate of a run: what was asked, done, measured and not tested; from the store alone, nothing is measured.

It says what was measured, and claims nothing else: that a model answers no longer is no proof that nothing is left.
"""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from tasks.report.durability import PROBES
from tasks.store.chain import GENESIS, Link
from tasks.store.digests import file_digest
from tasks.store.entries import CertificateEntry, ManifestEntry, PurgeEntry, RequestEntry, VerdictEntry
from tasks.store.ledger import SETTINGS
from tasks.store.manifests import MANIFEST, read_manifest

SCHEMA = 1
METHOD = "Reveal-and-Release, arXiv:2509.14624"
LIMITS = ("goal", "goal_nll", "max_drop", "max_perplexity_rise")
MEASURED = ("forget", "utility", "observed", "depth", "quantised", "fluency", "details")

_PROBES = {
    "relearning": "relearning: whether training on a few examples, or on other text, brings the target back",
    "membership": "membership inference: whether it can be told from the model what it was made to forget",
    "extraction": "extraction: whether a new search, or the old instructions, make the model show the target again",
}


def certificate(run_path: Path, summary: Mapping[str, Any], links: Sequence[Link]) -> dict[str, Any]:
    """The certificate of a run that has ended, accepted or rejected, as JSON values.

    The same results and ledger give the same certificate.

    Args:
        run_path: Folder of the run.
        summary: Of the run.
        links: Lines of its ledger. The head that the certificate names is of the last line but for certificates.
    """
    recorded = [link for link in links if not isinstance(link.entry, CertificateEntry)]
    manifests = {name: read_manifest(run_path / name) for name in _units(recorded)}
    settings = yaml.safe_load((run_path / SETTINGS).read_bytes())["resolved"]
    return {
        "schema": SCHEMA,
        "run": summary["name"],
        "verdict": summary["verdict"],
        "reasons": summary["reasons"],
        "decisions": [_decision(link) for link in recorded if isinstance(link.entry, VerdictEntry) and link.entry.by],
        "asked": {
            "target": summary["target"],
            "limits": {name: settings["measure"][name] for name in LIMITS},
            "settings": file_digest(run_path / SETTINGS),
            "requests": [_request(link) for link in recorded if _is_request(link)],
        },
        "done": {
            "method": METHOD,
            "versions": _distinct(f"{manifest['identity']['version']}" for manifest in manifests.values()),
            "revisions": _distinct(str(manifest["revision"]) for manifest in manifests.values()),
            "model": summary["model"],
            "seed": summary["seed"],
            "environments": _environments(manifests),
            "last_step": summary["last_step"],
            "steps": [
                {name: step[name] for name in ("step", "forget_weight", "retain_weight", "accepted", "why", "forget")}
                for step in summary["steps"]
            ],
        },
        "measured": {name: summary[name] for name in MEASURED if name in summary},
        "guards": summary["guards"],
        "durability": summary.get("durability", {}),
        "not_tested": list(not_tested(summary)),
        "digests": {
            "model_before": _model_before(manifests),
            "model_after": _model_after(run_path, manifests),
            "forget_set": _file(manifests, "forget-set", "forget-set.jsonl"),
            "search": _file(manifests, "search", "instructions.jsonl"),
        },
        "purged": [
            {"time": link.time, "files": dict(link.entry.purged)}
            for link in recorded
            if isinstance(link.entry, PurgeEntry)
        ],
        "packages": _packages(manifests),
        "ledger": {
            "head": recorded[-1].hash if recorded else GENESIS,
            "entries": len(recorded),
            "hmac": bool(recorded and recorded[-1].hmac),
        },
    }


def not_tested(summary: Mapping[str, Any]) -> Iterator[str]:
    """What there are no results of, a sentence each: a reader must not take it for found good."""
    if "forget" not in summary:
        yield "The report split was not measured, neither before nor after."
    elif summary["forget"]["gold"] is None:
        yield "No model that never saw the forget data was there to compare with."
    schemes = list(summary.get("quantised", {}))
    if schemes:
        yield f"Weights rounded otherwise than {' and '.join(schemes)} were not measured."
    else:
        yield "Rounded weights were not measured: whether quantisation brings the target back is not known."
    for probe in PROBES:
        if probe not in summary.get("durability", {}):
            yield f"Not tested: {_PROBES[probe]}."
    if not summary["guards"]:
        yield "Whether targets of earlier requests come back was not measured."
    yield "Prompts, languages and settings other than those measured were not tested; nor were copies of the model."


def _is_request(link: Link) -> bool:
    """Whether somebody asked; a run's own settings are no one's request."""
    return isinstance(link.entry, RequestEntry) and link.entry.file != SETTINGS


def _request(link: Link) -> dict[str, str]:
    entry = link.entry
    told = {name: getattr(entry, name) for name in ("request", "asked_by", "deadline", "digest")}
    return told | {"recorded": link.time}


def _decision(link: Link) -> dict[str, Any]:
    """What a person decided on the run, beside the limits."""
    entry = link.entry
    return {"verdict": entry.verdict, "by": entry.by, "reasons": list(entry.reasons), "recorded": link.time}


def _units(links: Sequence[Link]) -> list[str]:
    return list(dict.fromkeys(link.entry.unit for link in links if isinstance(link.entry, ManifestEntry)))


def _model_before(manifests: Mapping[str, Mapping[str, Any]]) -> dict[str, str] | None:
    """What the search was put to: everything else of the run follows from it."""
    if "search" not in manifests:
        return None
    identity = manifests["search"]["identity"]
    if "model" in identity["outside"]:
        return {"sha256": identity["outside"]["model"], "of": "weights, configuration and tokenizer, by name"}
    return {"sha256": identity["parents"].get("lab-model", ""), "of": "the recipe that the lab model is trained by"}


def _model_after(run_path: Path, manifests: Mapping[str, Mapping[str, Any]]) -> dict[str, Any] | None:
    """The published model; none where there is none."""
    if "model" not in manifests:
        return None
    files = {name: record["sha256"] for name, record in manifests["model"]["files"].items()}
    return {"manifest": file_digest(run_path / "model" / MANIFEST), "files": files}


def _file(manifests: Mapping[str, Mapping[str, Any]], unit: str, file: str) -> str | None:
    return manifests[unit]["files"][file]["sha256"] if unit in manifests else None


def _environments(manifests: Mapping[str, Mapping[str, Any]]) -> list[str]:
    environments = (manifest["identity"]["environment"] for manifest in manifests.values())
    return _distinct(f"{one['device']}, {one['dtype']}, {one['backend']}" for one in environments)


def _packages(manifests: Mapping[str, Mapping[str, Any]]) -> dict[str, list[str]]:
    """Versions by package: more than one where a run went on in another environment."""
    packages = [manifest["packages"] for manifest in manifests.values()]
    names = dict.fromkeys(name for one in packages for name in one)
    return {name: _distinct(str(one[name]) for one in packages if name in one) for name in names}


def _distinct(values: Iterator[str]) -> list[str]:
    return sorted(set(values))

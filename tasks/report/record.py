"""The last lines of a run's record: its verdict, what it published, and the certificate."""

import json
from pathlib import Path
from typing import Any

from tasks.report.certificate import certificate
from tasks.report.certificate_page import certificate_markdown
from tasks.report.durability import DURABILITY
from tasks.report.summary import SUMMARY, read_summary
from tasks.store.chain import Chain
from tasks.store.digests import file_digest
from tasks.store.disk import disk_errors, write_file
from tasks.store.entries import CertificateEntry, Entry, PublicationEntry, VerdictEntry
from tasks.store.ledger import CERTIFICATE, LEDGER, write_ledger
from tasks.store.manifests import MANIFEST

PAGE = "certificate.md"


def record_run(run_path: Path) -> None:
    """Bring ledger and certificate of a run that has a summary up to date; nothing new, and both stay as they are.

    Raises:
        UserError: the ledger is broken or needs its key, or the folder cannot be written.
    """
    summary = read_summary(run_path)
    write_ledger(run_path, *_outcome(run_path, summary))
    told = certificate(run_path, summary, Chain(run_path / LEDGER).links())
    with disk_errors(run_path):
        write_file(run_path / CERTIFICATE, json.dumps(told, indent=2, allow_nan=False) + "\n")
        write_file(run_path / PAGE, certificate_markdown(told))
    files = {name: file_digest(run_path / name) for name in (CERTIFICATE, PAGE)}
    write_ledger(run_path, CertificateEntry(run=run_path.name, certificate=files))


def _outcome(run_path: Path, summary: dict[str, Any]) -> list[Entry]:
    results = {name: file_digest(run_path / name) for name in (SUMMARY, DURABILITY) if (run_path / name).exists()}
    verdict = VerdictEntry(
        run=run_path.name, verdict=summary["verdict"], reasons=tuple(summary["reasons"]), results=results
    )
    model = run_path / "model" / MANIFEST
    if summary["verdict"] != "accepted" or not model.exists():
        return [verdict]
    return [verdict, PublicationEntry(run=run_path.name, model=file_digest(model), where="model")]

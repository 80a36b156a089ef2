import json

import pytest

from tasks.store.entries import (
    CertificateEntry,
    ManifestEntry,
    PublicationEntry,
    PurgeEntry,
    RequestEntry,
    VerdictEntry,
    entry_of,
)
from tasks.store.keys import canonical_json

DIGEST = "0f" * 32
ENTRIES = [
    RequestEntry(request="forget-dogs", digest=DIGEST, file="requests/dogs.yaml", asked_by="Ada", deadline="2030-01"),
    ManifestEntry(unit="step-01/forget-adapter", manifest=DIGEST),
    VerdictEntry(run="a-run", verdict="rejected", reasons=("too little", "too late"), results={"summary.json": DIGEST}),
    PublicationEntry(run="a-run", model=DIGEST, where="production.json", by="Ada"),
    PurgeEntry(run="a-run", purged={"forget-set.partial/.journal/000001.json": DIGEST}),
    CertificateEntry(run="a-run", certificate={"certificate.json": DIGEST}),
]


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry.kind)
def test_an_entry_survives_as_json(entry):
    assert entry_of(entry.kind, json.loads(canonical_json(entry.payload()))) == entry


@pytest.mark.parametrize(
    ("kind", "payload"),
    [
        ("poem", {}),
        (None, {}),
        ({}, {}),
        ("manifest", {"unit": "search"}),
        ("manifest", {"unit": "search", "manifest": DIGEST, "more": ""}),
        ("manifest", {"unit": "../search", "manifest": DIGEST}),
        ("manifest", {"unit": "search", "manifest": DIGEST.upper()}),
        ("manifest", {"unit": "search", "manifest": 3}),
        ("request", {"request": "a", "digest": DIGEST, "file": "/etc/passwd"}),
        ("request", {"request": "a", "digest": DIGEST, "file": "a/../../b"}),
        ("request", {"request": "a", "digest": DIGEST, "asked_by": None}),
        ("verdict", {"run": "a", "verdict": "fine"}),
        ("verdict", {"run": "a", "verdict": ["accepted"]}),
        ("verdict", {"run": "a", "verdict": "accepted", "reasons": "because"}),
        ("verdict", {"run": "a", "verdict": "accepted", "reasons": [1]}),
        ("purge", {"run": "a", "purged": {"": DIGEST}}),
        ("purge", {"run": "a", "purged": {"a//b": DIGEST}}),
        ("purge", {"run": "a", "purged": {"a": ""}}),
        ("purge", {"run": "a", "purged": ["a"]}),
    ],
)
def test_what_is_no_entry_is_refused(kind, payload):
    with pytest.raises(ValueError, match=r"entry|kind"):
        entry_of(kind, payload)


def test_the_last_entry_about_a_thing_holds():
    search, again = ManifestEntry(unit="search", manifest=DIGEST), ManifestEntry(unit="search", manifest="1" * 64)
    assert again.replaces(search)
    assert not again.replaces(ManifestEntry(unit="forget-set", manifest=DIGEST))
    assert not again.replaces(RequestEntry(request="search", digest=DIGEST))
    judged = VerdictEntry(run="a-run", verdict="accepted")
    assert not judged.replaces(VerdictEntry(run="a-run", verdict="rejected", by="Ada"))

import json

import pytest

from tasks.report.certificate import certificate, not_tested
from tasks.report.certificate_page import certificate_markdown
from tasks.report.durability import PROBES, durability, write_durability
from tasks.report.record import record_run
from tasks.report.summary import add_durability, write_summary
from tasks.store.chain import KEY_VARIABLE, Chain
from tasks.store.digests import file_digest
from tasks.store.entries import PublicationEntry, RequestEntry, VerdictEntry
from tasks.store.keys import json_digest
from tasks.store.ledger import LEDGER, verify_ledger
from tasks.store.purge import purge
from tests.recorded_run import LAB, LIMITS, SECRET, recorded_run, summary_of
from tests.tasks.report.test_durability import MODELS, probed


@pytest.fixture(autouse=True)
def no_key(monkeypatch):
    monkeypatch.delenv(KEY_VARIABLE, raising=False)


@pytest.fixture
def run(tmp_path):
    return recorded_run(tmp_path)


def told(run):
    return json.loads((run.path / "certificate.json").read_text())


def page(run):
    return (run.path / "certificate.md").read_text()


def entries(run, kind):
    return [link.entry for link in Chain(run.path / LEDGER).verify() if isinstance(link.entry, kind)]


def assess(run, probes=PROBES):
    for model, level in zip(MODELS, (1.0, 0.25, 0.0), strict=True):
        for probe, found in probed(level).items():
            folder = run.path / "assess" / probe / model
            folder.mkdir(parents=True, exist_ok=True)
            (folder / "probe.json").write_text(json.dumps(found))
    write_durability(run.path, durability(run.path, models=MODELS, probes=probes))
    add_durability(run.path)
    record_run(run.path)


def test_an_accepted_run_says_what_was_asked_done_and_measured(run):
    made = told(run)
    assert (made["run"], made["verdict"], made["asked"]["limits"]) == ("a-run", "accepted", LIMITS)
    assert made["asked"]["settings"] == file_digest(run.path / "settings.yaml")
    assert made["done"]["model"] == "lab"
    assert made["done"]["versions"] == ["2"]
    assert made["done"]["environments"] == ["cpu, float32, transformers"]
    assert made["done"]["steps"] == [
        {"step": 1, "forget_weight": 2.0, "retain_weight": 0.5, "accepted": True, "why": "within all limits",
         "forget": 0.25}
    ]  # fmt: skip
    assert made["measured"]["forget"] == summary_of("a-run")["forget"]
    assert made["measured"]["quantised"]["int4_g64"]["forget"]["after"] == 0.125
    assert made["packages"]["torch"]
    assert "**Accepted**" in page(run)
    assert "| forget | 1.000 | 0.250 |" in page(run)
    assert "| forget at int4_g64 | 0.875 | 0.125 |" in page(run)
    assert "| 1 | 2 | 0.5 | 0.250 | kept |" in page(run)


def test_digests_are_those_of_the_files(run):
    digests = told(run)["digests"]
    assert digests["forget_set"] == file_digest(run.path / "forget-set/forget-set.jsonl")
    assert digests["search"] == file_digest(run.path / "search/instructions.jsonl")
    assert digests["model_before"]["sha256"] == LAB.key
    assert digests["model_after"]["files"]["model.safetensors"] == file_digest(run.path / "model/model.safetensors")
    assert all(digest in page(run) for digest in (digests["forget_set"], digests["search"], LAB.key))


def test_a_model_from_outside_is_named_by_its_digest(run):
    path = run.path / "search/manifest.json"
    manifest = json.loads(path.read_text())
    manifest["identity"] |= {"outside": {"model": "ab" * 32}, "parents": {}}
    path.write_text(json.dumps(manifest | {"key": json_digest(manifest["identity"])}))
    record_run(run.path)
    assert told(run)["digests"]["model_before"]["sha256"] == "ab" * 32


def test_a_rejected_run_gets_one_that_says_so(tmp_path):
    run = recorded_run(tmp_path, "rejected")
    assert told(run)["verdict"] == "rejected"
    assert told(run)["digests"]["model_after"] is None
    assert "**Rejected**: what was asked was not met. No model was published." in page(run)
    assert "- the forget metric is 0.250, at most 0.03 is wanted" in page(run)
    assert [entry.verdict for entry in entries(run, VerdictEntry)] == ["rejected"]
    assert entries(run, PublicationEntry) == []
    verify_ledger(run.path)


def test_a_run_that_revealed_nothing_was_not_measured(run):
    summary = summary_of("a-run", "rejected") | {"steps": [], "last_step": 0}
    for name in ("forget", "utility", "observed", "depth", "quantised", "fluency"):
        del summary[name]
    write_summary(run.path, summary)
    record_run(run.path)
    assert told(run)["measured"] == {}
    assert "The report split was not measured, neither before nor after." in told(run)["not_tested"]
    assert "Nothing: the run ended before." in page(run)
    assert "No step was kept." in page(run)


def test_what_was_not_tested_follows_from_what_is_absent(run):
    words = " ".join(told(run)["not_tested"])
    for test in ("relearning", "membership inference", "extraction", "earlier requests", "no model that never saw"):
        assert test in words.lower()
    assert "otherwise than int4_g64" in words
    assess(run, probes=("relearning", "membership"))
    words = " ".join(told(run)["not_tested"])
    assert "extraction" in words
    assert "relearning" not in words
    assert "membership" not in words


def test_with_everything_tested_there_is_still_more_that_was_not():
    summary = summary_of("a-run") | {"durability": {name: {} for name in PROBES}, "guards": [{"target": "person"}]}
    summary["forget"]["gold"] = 0.0
    assert list(not_tested(summary)) == [
        "Weights rounded otherwise than int4_g64 were not measured.",
        "Prompts, languages and settings other than those measured were not tested; nor were copies of the model.",
    ]
    assert any("Rounded weights were not measured" in one for one in not_tested(summary | {"quantised": {}}))


def test_an_assessment_adds_what_brings_the_forgotten_back(run):
    before = told(run)
    assert before["durability"] == {}
    assess(run)
    assert told(run)["durability"]["relearning"]["forget"]["0"]["after"] == 0.25
    assert told(run)["ledger"]["entries"] > before["ledger"]["entries"]
    assert "### Relearning: forget metric after so many updates" in page(run)
    first, second = entries(run, VerdictEntry)
    assert set(first.results) == {"summary.json"}
    assert set(second.results) == {"summary.json", "durability.json"}


def test_who_asked_stands_in_it_where_a_request_says_so(run):
    assert "who asked is not known here" in page(run)
    Chain(run.path / LEDGER).append(
        RequestEntry(request="forget-rudeness", digest="1" * 64, asked_by="Ada Example", deadline="2030-01-31")
    )
    record_run(run.path)
    (request,) = told(run)["asked"]["requests"]
    assert (request["request"], request["asked_by"], request["deadline"]) == (
        *("forget-rudeness", "Ada Example", "2030-01-31"),
    )
    assert "Request `forget-rudeness`, asked by `Ada Example`, until `2030-01-31`" in page(run)


def test_what_a_person_decided_stands_in_it_and_in_the_ledger_beside_the_verdict_of_the_limits(run):
    assert told(run)["decisions"] == []
    verdict = VerdictEntry(run="a-run", verdict="rejected", reasons=("not before Monday",), by="Bob Example")
    Chain(run.path / LEDGER).append(verdict)
    record_run(run.path)
    assert [(one["verdict"], one["by"]) for one in told(run)["decisions"]] == [("rejected", "Bob Example")]
    assert "Decided by `Bob Example`" in page(run)
    assert [entry.by for entry in entries(run, VerdictEntry)] == ["", "Bob Example"]


def test_what_a_request_says_cannot_look_like_the_certificate(run):
    asked_by = "Eve`\n\n# Certificate\n\n**Accepted**"
    Chain(run.path / LEDGER).append(RequestEntry(request="r", digest="1" * 64, asked_by=asked_by))
    record_run(run.path)
    assert "asked by `Eve' # Certificate **Accepted**`:" in page(run)
    assert told(run)["asked"]["requests"][0]["asked_by"] == asked_by


def test_a_purge_stands_in_it(run):
    assert told(run)["purged"] == []
    assert "is kept in the run's folder" in page(run)
    digest = file_digest(run.path / "forget-set/forget-set.jsonl")
    purge(run.path, ["forget-set/forget-set.jsonl"])
    record_run(run.path)
    assert told(run)["purged"][0]["files"] == {"forget-set/forget-set.jsonl": digest}
    assert told(run)["digests"]["forget_set"] == digest
    assert "Storage may hold older blocks" in page(run)
    verify_ledger(run.path)


def test_it_names_the_head_of_the_ledger_before_it(run):
    *_, before, last = Chain(run.path / LEDGER).verify()
    assert last.entry.kind == "certificate"
    assert told(run)["ledger"] == {"head": before.hash, "entries": last.seq - 1, "hmac": False}
    assert before.hash in page(run)


def test_made_again_it_is_the_same_and_the_ledger_stays(run):
    before = {name: (run.path / name).read_bytes() for name in (LEDGER, "certificate.json", "certificate.md")}
    record_run(run.path)
    assert {name: (run.path / name).read_bytes() for name in before} == before


@pytest.mark.parametrize("name", ["summary.json", "certificate.json", "certificate.md", "settings.yaml"])
def test_a_changed_result_is_found(run, name):
    path = run.path / name
    path.write_text(path.read_text() + " ")
    with pytest.raises(ValueError, match=rf"{name} was changed: it is not what line \d+ of ledger.jsonl records"):
        verify_ledger(run.path)
    path.unlink()
    with pytest.raises(ValueError, match=rf"{name} is missing"):
        verify_ledger(run.path)


def test_it_never_says_that_data_are_gone_and_holds_none_of_the_text(run):
    assess(run)
    purge(run.path, ["forget-set/forget-set.jsonl"])
    record_run(run.path)
    for text in (page(run), json.dumps(told(run))):
        assert "deleted" not in text.lower()
        assert "erased" not in text.lower()
        assert SECRET not in text
    assert "It does not state that nothing of the target is left in the weights" in page(run)


def test_all_files_and_folders_of_a_run_are_private(run):
    purge(run.path, ["forget-set/forget-set.jsonl"])
    record_run(run.path)
    modes = {path: path.stat().st_mode & 0o777 for path in [run.path, *run.path.rglob("*")]}
    assert all(mode == (0o700 if path.is_dir() else 0o600) for path, mode in modes.items()), modes


def test_the_same_facts_give_the_same_page(run):
    made = certificate(run.path, json.loads((run.path / "summary.json").read_text()), Chain(run.path / LEDGER).links())
    assert made == told(run)
    assert certificate_markdown(made) == page(run)

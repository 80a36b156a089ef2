"""`python -m flows.verify`: what it finds, how it says so, and with which exit code."""

import json
import subprocess
import sys

import pytest

from flows.verify import verify_command
from tasks.store.chain import KEY_VARIABLE, Chain
from tasks.store.entries import PublicationEntry, RequestEntry
from tasks.store.ledger import LEDGER, verify_ledger
from tasks.store.purge import purge
from tests.recorded_run import recorded_run


@pytest.fixture(autouse=True)
def no_key(monkeypatch):
    monkeypatch.delenv(KEY_VARIABLE, raising=False)


@pytest.fixture
def run(tmp_path):
    return recorded_run(tmp_path).path


@pytest.fixture
def verify(capsys):
    """Runs the command; returns the exit code, and what was printed on the stream that belongs to it."""

    def call(*arguments):
        code = verify_command([str(argument) for argument in arguments])
        out, err = capsys.readouterr()
        assert not (out and err)
        return code, out or err

    return call


def cut(run, number):
    """Cut lines off the end of the ledger."""
    lines = (run / LEDGER).read_bytes().splitlines(keepends=True)
    (run / LEDGER).write_bytes(b"".join(lines[:-number]))


def test_a_whole_run_verifies_and_the_head_is_told(run, verify):
    code, out = verify(run)
    assert code == 0
    assert f"{run}: 10 lines, 6 units, 13 files, all as recorded" in out
    assert f"HMAC: not checked, {KEY_VARIABLE} is not set; 0 of 10 lines carry one" in out
    assert f"head: {verify_ledger(run).head}" in out


def test_the_ledger_of_a_run_stands_for_the_run(run, verify):
    (run / "model/config.json").write_text("[]")
    assert verify(run / LEDGER)[0] == 3


def test_a_ledger_of_several_runs_is_a_chain(tmp_path, verify):
    path = tmp_path / LEDGER
    Chain(path).append(
        RequestEntry(request="forget-dogs", digest="1" * 64),
        PublicationEntry(run="night-1", model="2" * 64, where="production.json"),
    )
    code, out = verify(path)
    assert (code, out.splitlines()[0]) == (0, f"{path}: 2 lines, 0 files, all as recorded")
    path.write_text(path.read_text().replace("forget-dogs", "forget-cats"))
    assert verify(path) == (3, f"broken: {path} is broken at line 1: it was changed\n")


@pytest.mark.parametrize("arguments", [[], ["no/such/folder"], ["."], ["a", "b"], ["--fast", "a"]])
def test_wrong_usage_is_one_sentence_and_exit_code_two(verify, tmp_path, monkeypatch, arguments):
    monkeypatch.chdir(tmp_path)
    code, err = verify(*arguments)
    assert code == 2
    assert err.startswith("error: ")
    assert err.count("\n") == 1


@pytest.mark.parametrize(
    ("tamper", "words"),
    [
        (lambda run: (run / "model/model.safetensors").write_text("otherweights!"), "model.safetensors is damaged"),
        (lambda run: (run / "model/model.safetensors").unlink(), "model.safetensors is missing"),
        (lambda run: (run / "model/pytorch_model.bin").write_text(""), "pytorch_model.bin is not in the manifest.json"),
        (lambda run: (run / "model/manifest.json").write_text("{}"), "model/manifest.json is not the one that line"),
        (lambda run: (run / "model/manifest.json").unlink(), "model/manifest.json is not the one that line"),
        (lambda run: (run / "summary.json").write_text("{}"), "summary.json was changed"),
        (lambda run: (run / "forget-set/forget-set.jsonl").unlink(), "forget-set.jsonl is missing"),
        (lambda run: (run / LEDGER).unlink(), "ledger.jsonl is missing"),
        (lambda run: (run / LEDGER).write_text(""), "is not in"),
        (lambda run: cut(run, 1), "certificate.json is not in"),
        (lambda run: cut(run, 3), "certificate.json is not in"),
        (lambda run: (run / LEDGER).write_bytes((run / LEDGER).read_bytes()[:-1]), "broken at line 10: the file ends"),
        (lambda run: (run / LEDGER).write_bytes((run / LEDGER).read_bytes()[7:]), "broken at line 1: it is no entry"),
    ],
)
def test_the_first_broken_link_is_named_in_one_sentence(run, verify, tamper, words):
    tamper(run)
    code, err = verify(run)
    assert code == 3
    assert err.startswith("broken: ")
    assert words in err
    assert err.count("\n") == 1


def test_with_the_key_hmacs_are_checked(tmp_path, verify, monkeypatch):
    monkeypatch.setenv(KEY_VARIABLE, "a key of a test")
    run = recorded_run(tmp_path).path
    code, out = verify(run)
    assert code == 0
    assert "HMAC: 10 of 10 lines carry one, made with the key" in out
    assert json.loads((run / "certificate.json").read_text())["ledger"]["hmac"] is True
    monkeypatch.setenv(KEY_VARIABLE, "another")
    assert "broken at line 1: its HMAC is not made with the key" in verify(run)[1]
    monkeypatch.delenv(KEY_VARIABLE)
    code, out = verify(run)
    assert code == 0
    assert "HMAC: not checked" in out
    assert "10 of 10 lines carry one" in out


def test_purged_files_are_told_as_purged(run, verify):
    purge(run, ["forget-set/forget-set.jsonl"])
    code, out = verify(run)
    assert code == 0
    assert "as recorded: forget-set/forget-set.jsonl" in out


def test_it_needs_neither_torch_nor_prefect(run):
    code = (
        "import sys\n"
        "from flows.verify import verify_command\n"
        f"assert verify_command([{str(run)!r}]) == 0\n"
        "assert not {'torch', 'prefect', 'transformers', 'pydantic', 'numpy'} & set(sys.modules)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr

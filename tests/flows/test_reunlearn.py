"""Nights under Prefect: a tiny random model is made to say dog and cat less, then bird and fox."""

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

from flows.requested_run import requested_run
from flows.reunlearn_command import reunlearn_command
from flows.reunlearn_settings import ReunlearnSettings
from tasks.register.production import Version, read_production
from tasks.register.record import Record
from tasks.register.register import read_register
from tasks.register.rollback import adopt_model
from tasks.report.summary import read_summary
from tasks.store.ledger import verify_ledger
from tests.tiny_model import make_tiny_model

QUICK = {
    "model": {"device": "cpu"},
    "reveal": {
        "pool_size": 60,
        "initial_queries": 2,
        "queries": 2,
        "keep": 2,
        "samples_per_query": 8,
        "forget_set_size": 32,
        "max_responses": 200,
        "max_new_tokens": 20,
    },
    "release": {"retain_size": 64, "steps": 1, "weights": "fixed"},
    "measure": {
        **{"tune_prompts": 16, "report_prompts": 16, "max_new_tokens": 20, "quantised": []},
        **{"goal": 1.0, "goal_nll": 0.0, "max_drop": 1.0, "max_perplexity_rise": 10.0},
    },
}
"""With limits so wide that every run is accepted."""


def request(name: str, phrases: list[str], day: int, **told) -> dict:
    told |= {"id": name, "preset": "stories-word", "target": {"kind": "custom", "phrases": phrases}}
    return told | {"asked_by": "someone", "asked_on": f"2026-11-{day:02d}"}


@dataclass
class Nights:
    settings: ReunlearnSettings
    first_run: str
    """The run of the first request, which waits for approval."""
    ends: list[tuple[int, str, str]]
    """Exit code, output and error of each command."""

    @property
    def production(self) -> Path:
        return Path(self.settings.production)

    @property
    def records(self) -> list[dict]:
        return Record.beside(self.production).nights()


@pytest.fixture(scope="module")
def nights(tmp_path_factory) -> Nights:
    folder = tmp_path_factory.mktemp("nights")
    register = folder / "register"
    register.mkdir()
    requests = [
        request("forget-pets", ["dog", "cat"], 1, approval={"required": True}),
        request("forget-wild", ["bird", "fox"], 2),
    ]
    for one in requests:
        text = yaml.safe_dump(one).replace(f"'{one['asked_on']}'", one["asked_on"])
        (register / f"{one['id']}.yaml").write_text(text)
    (folder / "ours.yaml").write_text(yaml.safe_dump(QUICK))
    settings = ReunlearnSettings(
        register_dir=str(register),
        production=str(folder / "production" / "production.json"),
        runs_dir=str(folder / "runs"),
        run_settings=str(folder / "ours.yaml"),
    )
    model = adopt_model(Path(settings.production), make_tiny_model(folder / "model", chat=False), name="Ada")
    first = read_register(register).requests["forget-pets"].request
    run = requested_run(first, settings, model=model, forgotten=[]).run_name
    flags = ["--register", settings.register_dir, "--production", settings.production, "--runs-dir"]
    flags += [settings.runs_dir, "--run-settings", settings.run_settings, "--audit.queries", "2"]
    flags += ["--audit.max-forget", "1", "--audit.max-yield", "1"]
    who = ["--reason", "as measured", "--name", "Ada"]
    commands = [flags, ["approve", run, *who, *flags], flags, flags, flags, ["--rollback", *who, *flags]]
    child = [sys.executable, "-m", "tests.flows.several_commands"]
    child.append(json.dumps([["reunlearn_command", *one] for one in commands]))
    environment = os.environ | {"OMP_NUM_THREADS": "1", "COLUMNS": "200"}
    done = subprocess.run(child, capture_output=True, text=True, check=True, env=environment)
    return Nights(settings, run, [tuple(json.loads(line)) for line in done.stdout.splitlines()])


@pytest.mark.prefect
class TestNights:
    def test_the_first_waits_and_holds_the_second_request(self, nights):
        code, out, err = nights.ends[0]
        assert code == 4, out + err
        assert nights.records[0]["released"][0]["run"] == nights.first_run
        assert nights.records[0]["held"] == ["forget-wild"]

    def test_approved_it_is_published_and_the_second_builds_on_it_without_bringing_it_back(self, nights):
        assert nights.ends[1][0] == 0, nights.ends[1]
        code, out, err = nights.ends[2]
        assert code == 0, out + err
        second = nights.records[1]
        assert [(one["request"], one["verdict"]) for one in second["released"]] == [
            ("forget-pets", "accepted"),
            ("forget-wild", "accepted"),
        ]
        run = Path(nights.settings.runs_dir) / second["released"][1]["run"]
        model = yaml.safe_load((run / "settings.yaml").read_text())["resolved"]["model"]["path"]
        assert model == str(Path(nights.settings.runs_dir) / nights.first_run / "model")
        (guard,) = read_summary(run)["guards"]
        assert (guard["target"], guard["limit"]) == ("forget-pets", 1.0)
        assert 0 <= guard["after"] <= 1

    def test_the_third_audits_both_and_the_fourth_has_nothing_to_do_but_says_so(self, nights):
        assert [end[0] for end in nights.ends[3:5]] == [0, 0]
        third, fourth = nights.records[2:]
        assert [one["request"] for one in third["audited"]] == ["forget-pets", "forget-wild"]
        assert [one["reused"] for one in third["audited"]] == [False, False]
        assert all(0 <= one["saved"]["usable"] <= 1 and one["fresh"]["n"] for one in third["audited"])
        assert [one["reused"] for one in fourth["audited"]] == [True, True]
        assert "nothing to do (2 audited, 0 leaking)" in nights.ends[4][1]

    def test_rolled_back_the_model_before_is_in_production(self, nights):
        assert nights.ends[5][0] == 0, nights.ends[5]
        production = read_production(nights.production)
        assert production.current.run == nights.first_run
        assert read_summary(Path(nights.settings.runs_dir) / production.taken_back.run)["verdict"] == "rejected"

    def test_all_ledgers_hold(self, nights):
        verify_ledger(Record.beside(nights.production).folder)
        for run in Path(nights.settings.runs_dir).glob("forget-*"):
            verify_ledger(run)

    def test_what_the_model_wrote_is_neither_printed_nor_in_the_record(self, nights):
        printed = "".join(out + err for _, out, err in nights.ends) + json.dumps(nights.records)
        rows = [
            json.loads(line)
            for path in Path(nights.settings.runs_dir).glob("forget-*/forget-set/forget-set.jsonl")
            for line in path.read_text().splitlines()
        ]
        assert rows
        assert not [row for row in rows if row["raw"] in printed]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "which does not exist; name the first model with --adopt FOLDER"),
        (["--adopt", "no/such/folder"], "no/such/folder"),
        (["--rollback"], "reason is empty"),
        (["--rollback", "--adopt", "x"], "give one of them"),
        (["approve"], "approve needs the name of a run"),
        (["approve", "../x", "--reason", "r", "--name", "n"], "give the name of a run"),
        (["reject", "some-run", "--name", "n"], "reason is empty"),
        (["maybe"], "invalid choice"),
        (["--audit.days", "0"], "audit.days is 0"),
        (["--production-file=x"], "is not a flag of this command"),
    ],
)
def test_what_cannot_be_done_is_refused_in_one_sentence(tmp_path, capsys, monkeypatch, arguments, words):
    monkeypatch.chdir(tmp_path)
    assert reunlearn_command(arguments) == 2
    out, err = capsys.readouterr()
    assert (out, err.count("\n")) == ("", 1)
    assert words in err
    assert not (tmp_path / "runs").exists()


def test_adopted_from_the_command_line_a_model_is_in_production(tmp_path, capsys):
    model = make_tiny_model(tmp_path / "model")
    pointer = tmp_path / "production" / "production.json"
    capsys.readouterr()
    assert reunlearn_command(["--adopt", str(model), "--production", str(pointer)]) == 0
    current = read_production(pointer).current
    assert isinstance(current, Version)
    assert (current.path, current.version, current.run) == (str(model), 1, "")
    assert "in production: version 1" in capsys.readouterr().out
    assert verify_ledger(Record.beside(pointer).folder).links[0].entry.where == "production.json"

"""Pushing a run to a hub from the command line: refused unless all is in order, and then sent."""

import shutil

import pytest

from flows.command_line import read_arguments
from flows.opening import open_run
from flows.release_command import release_command
from tasks.report.summary import write_summary
from tests.recorded_run import summary_of
from tests.tasks.report.fake_hub import fake_hub
from tests.tiny_model import make_tiny_model

pytestmark = pytest.mark.usefixtures("token")


@pytest.fixture
def token(monkeypatch):
    monkeypatch.setenv("HF_TOKEN", "hf_invented")


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return make_tiny_model(tmp_path_factory.mktemp("models") / "model", chat=False)


@pytest.fixture
def run(tmp_path, model):
    """Makes a run that has ended with a verdict, and published a model after its first step; returns its flags."""

    def make(verdict: str) -> list[str]:
        flags = ["--runs-dir", str(tmp_path), "--preset", "stories-word", "--model.path", str(model), "--name", "run"]
        run, plan = open_run(read_arguments(flags, program="", description="").settings)
        with run.write(plan.published(1)) as writer:
            shutil.copytree(model, writer.path, dirs_exist_ok=True)
        write_summary(run.path, summary_of("run", verdict))
        return flags

    return make


def test_an_accepted_run_is_pushed(run, monkeypatch, capsys):
    flags = run("accepted")
    with fake_hub(monkeypatch) as hub:
        assert release_command([*flags, "--push", "me/model"]) == 0
    assert f"pushed: {hub.url}/me/model (private)" in capsys.readouterr().out
    assert {"model.safetensors", "config.json", "tokenizer.json", "README.md"} <= set(hub.files)
    assert "manifest.json" not in hub.files
    assert b"## Measured" in hub.files["README.md"]
    assert not [name for name, content in hub.files.items() if b"hf_invented" in content]


@pytest.mark.parametrize(
    ("verdict", "arguments", "words"),
    [
        ("rejected", ["--push", "me/model"], "run run is rejected; only an accepted model is pushed"),
        ("rejected", ["--push", "me/model", "--export", "adapter"], "only an accepted model is pushed"),
        ("waiting", ["--push", "me/model"], "run run is waiting; only an accepted model is pushed"),
        ("accepted", ["--push", "model"], "--push is 'model'; give OWNER/NAME"),
        ("accepted", ["--push", "me/model", "--undo-to", "1"], "only what was accepted as a whole is pushed"),
        ("accepted", ["--push", "me/model", "--name", "other"], "run other does not exist"),
        ("accepted", ["--public"], "--public is given without --push"),
    ],
)
def test_anything_else_is_refused_before_anything_is_sent(run, monkeypatch, capsys, verdict, arguments, words):
    flags = run(verdict)
    with fake_hub(monkeypatch) as hub:
        assert release_command([*flags, *arguments]) == 2
    assert hub.private is None
    out, err = capsys.readouterr()
    assert out == ""
    assert words in err
    assert err.count("\n") == 1


def test_a_token_is_taken_from_the_environment_alone(run, monkeypatch, capsys):
    monkeypatch.delenv("HF_TOKEN")
    assert release_command([*run("accepted"), "--push", "me/model"]) == 2
    assert "but HF_TOKEN is not set" in capsys.readouterr().err


def test_a_damaged_model_is_not_pushed(run, monkeypatch, capsys, tmp_path):
    flags = run("accepted")
    weights = tmp_path / "run/model/model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1] + b"\x01")
    with fake_hub(monkeypatch) as hub:
        assert release_command([*flags, "--push", "me/model"]) == 2
    assert hub.private is None
    assert "model.safetensors is damaged" in capsys.readouterr().err

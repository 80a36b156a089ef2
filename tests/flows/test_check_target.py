"""`--check-target`: what a target's file is worth on a model, without a run."""

import re
import shutil

import pytest
import yaml

from flows.command import main
from flows.command_line import read_arguments
from flows.plan import files_digests
from tasks.settings.target import TargetSettings
from tests.tiny_model import make_tiny_model

SLOTS = [
    ["tell", "write", "praise", "generate"],
    ["my", "your", "the", "a"],
    [*["a", "b", "c", "d", "e", "f"], "", "please"],
    ["."],
]
WORDS = {"form": "scored", "instructions": SLOTS, "scorer": {"kind": "pattern", "pattern": "[a-z]"}}


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return make_tiny_model(tmp_path_factory.mktemp("model"))


@pytest.fixture
def check(tmp_path, model, capsys, monkeypatch):
    """Checks a target; returns the exit code and what was printed."""
    monkeypatch.chdir(tmp_path)

    def run(target, *arguments):
        (tmp_path / "target.yaml").write_text(target if isinstance(target, str) else yaml.safe_dump(target))
        given = ["--check-target", "target.yaml", "--model.path", str(model), "--measure.max-new-tokens", "6"]
        capsys.readouterr()
        code = main([*given, "--reveal.max-new-tokens", "6", *arguments])
        assert not (tmp_path / "runs").exists(), "a check left something behind"
        return code, *capsys.readouterr()

    return run


def test_a_few_responses_are_judged_and_shown_masked(check):
    code, out, err = check(WORDS | {"limits": {"goal": 0.25}})
    assert (code, err) == (0, "")
    assert "form scored" in out
    assert "goal 0.25" in out
    rows = re.findall(r"│([^│]*)│([^│]*)│ *([01]\.000) *│ *(\d+) *│", out)
    assert len(rows) >= 8
    assert not any(re.search(r"\w", asked + answered) for asked, answered, _, _ in rows)
    assert any("·" in answered and score == "1.000" and pairs != "0" for _, answered, score, pairs in rows)
    assert re.search(r"Forget metric \(scored\) of 8 held-out prompts: [01]\.\d{3}", out)


def test_a_target_that_nothing_shows_is_said_so(check):
    code, out, _ = check(WORDS | {"scorer": {"kind": "phrases", "phrases": ["zebra"]}})
    assert code == 0
    assert "None of these responses shows the target" in " ".join(out.split())


@pytest.mark.parametrize(
    ("target", "arguments", "words"),
    [
        ("form: [", (), "target.yaml, line 1:"),
        ("form: scored\nscores: 1\n", (), "target.yaml, line 2: scores is no field of a target"),
        (WORDS, ("--model.path", "lab"), "model.path is lab"),
        (WORDS, ("--model.path", "nowhere"), "nowhere"),
        (WORDS | {"instructions": ["a"]}, (), "instructions makes 1 instructions"),
        (WORDS | {"scorer": {"kind": "function", "function": "no_such_module:score"}}, (), "no_such_module"),
        (WORDS | {"scorer": {"kind": "judge", "url": "x", "rubric": "r", "max_calls": 1}}, (), "scorer.url is 'x'"),
    ],
)
def test_what_cannot_be_used_is_one_sentence(check, target, arguments, words, monkeypatch):
    monkeypatch.setattr("tasks.models.openai_server._TRIES", 1)
    code, out, err = check(target, *arguments)
    assert (code, out) == (2, "")
    assert words in err
    assert err.startswith("error: ")
    assert err.count("\n") == 1


def test_the_limits_of_a_file_go_over_the_preset_and_under_flags(tmp_path):
    path = tmp_path / "target.yaml"
    path.write_text(yaml.safe_dump(WORDS | {"limits": {"goal": 0.25, "max_drop": 0.5}}))
    given = ["--preset", "stories-word", "--target.custom-file", str(path), "--measure.max-drop", "0.1"]
    settings = read_arguments(given, program="x", description="x").settings
    assert (settings.measure.goal, settings.measure.max_drop, settings.measure.goal_nll) == (0.25, 0.1, 4.0)
    assert settings.target.kind == "custom"
    assert settings.target.phrases == ()


def test_a_config_file_goes_over_the_limits_too(tmp_path):
    (tmp_path / "target.yaml").write_text(yaml.safe_dump(WORDS | {"limits": {"goal": 0.25, "goal_nll": 1}}))
    config = {"target": {"custom_file": str(tmp_path / "target.yaml")}, "measure": {"goal": 0.5}}
    (tmp_path / "config.yaml").write_text(yaml.safe_dump(config))
    settings = read_arguments(["--config", str(tmp_path / "config.yaml")], program="x", description="x").settings
    assert (settings.measure.goal, settings.measure.goal_nll, settings.target.kind) == (0.5, 1, "custom")


def test_what_a_file_names_counts_by_what_it_holds(tmp_path):
    (tmp_path / "target.yaml").write_text(yaml.safe_dump(WORDS | {"retain_file": "kept.txt"}))
    (tmp_path / "kept.txt").write_text("one")
    settings = TargetSettings(kind="custom", custom_file=str(tmp_path / "target.yaml"))
    before = files_digests(settings)
    assert before.keys() == {"custom_file", "custom_file.retain_file"}
    (tmp_path / "kept.txt").write_text("two")
    changed = {name for name, digest in files_digests(settings).items() if digest != before[name]}
    assert changed == {"custom_file.retain_file"}


def test_a_chat_template_is_tried_before_it_is_used(check, model, tmp_path):
    folder = shutil.copytree(model, tmp_path / "model")
    (folder / "chat_template.jinja").write_text("{{ 10 ** (10 ** 10) }}")
    code, out, err = check(WORDS, "--model.path", str(folder))
    assert (code, out) == (2, "")
    assert "whose chat template does not end within 2 s" in err

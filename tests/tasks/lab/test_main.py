import sys
from pathlib import Path

from tasks.lab import __main__ as command
from tasks.lab.skill_table import SkillScore
from tasks.settings.errors import UserError
from tasks.store.folders import UnitRef


def test_a_fault_of_the_user_is_one_sentence_and_exit_code_2(monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["lab", "--exclude", "cakes"])
    assert command.main() == 2
    captured = capsys.readouterr()
    assert "'cakes' cannot be left out" in captured.err
    assert "Traceback" not in captured.err


def test_the_model_is_asked_for_as_given_and_its_skills_are_shown(monkeypatch, capsys):
    asked = []

    def lab_model(seed, *, exclude, progress):
        asked.append((seed, exclude))
        progress(0.5, "half way")
        return UnitRef(Path("lab-model-1"), "1")

    monkeypatch.setattr(command, "lab_model", lab_model)
    monkeypatch.setattr(command, "load_language_model", lambda folder: folder)
    monkeypatch.setattr(command, "skill_table", lambda lm: [SkillScore("math", "right answers", 0.9876)])
    monkeypatch.setattr(sys, "argv", ["lab", "--seed", "4", "--exclude", "code"])
    assert command.main() == 0
    assert asked == [(4, "code")]
    output = capsys.readouterr().out
    assert "lab-model-1" in output
    assert "0.988" in output


def test_a_model_that_cannot_be_read_is_the_users_fault(monkeypatch, capsys):
    def refuse(*arguments, **settings):
        raise UserError("model: it cannot be read")

    monkeypatch.setattr(command, "lab_model", refuse)
    monkeypatch.setattr(sys, "argv", ["lab"])
    assert command.main() == 2
    assert capsys.readouterr().err.strip() == "model: it cannot be read"

import json
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from tasks.models.language_model import LanguageModel, load_language_model
from tasks.models.pair import Pair
from tasks.models.pair_file import pair_row
from tasks.release import resident
from tasks.release.rebuild import rebuild
from tasks.settings.model import ModelSettings
from tasks.settings.release import ReleaseSettings
from tasks.settings.target import MeasureSettings, TargetSettings
from tasks.subject import FORGET_SET, RETAIN_SET, Subject, one_model
from tests.tasks.release.random_adapter import random_adapter
from tests.tasks.release.test_rebuild import record_step
from tests.tiny_model import make_tiny_model


@pytest.fixture
def subject(tmp_path: Path) -> Subject:
    base = make_tiny_model(tmp_path / "model")
    lm = load_language_model(base)
    for step in (1, 2, 3):
        forget, retain = random_adapter(lm.model, step), random_adapter(lm.model, 10 + step)
        record_step(tmp_path, step, forget, retain, 0.5, 1.0, accepted=step != 2)
    return Subject(
        run=SimpleNamespace(path=tmp_path),
        base=base,
        device="cpu",
        backend="transformers",
        model=ModelSettings(),
        target=TargetSettings(),
        measure=MeasureSettings(),
        seed=0,
    )


def test_a_run_of_several_steps_reads_its_model_once_and_gold_in_between_takes_its_place(
    subject: Subject, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gold = make_tiny_model(tmp_path / "gold", seed=4)
    loads: list[Path] = []

    def counted(folder: Path, **how: str) -> LanguageModel:
        loads.append(folder)
        return load_language_model(folder, **how)

    monkeypatch.setattr(resident, "load_language_model", counted)

    def check(lm: LanguageModel, folder: Path, step: int) -> None:
        fresh = load_language_model(folder)
        rebuild(fresh, folder, tmp_path, step)
        states = lm.model.state_dict(), fresh.model.state_dict()
        assert all(torch.equal(states[0][name], states[1][name]) for name in states[1])

    with one_model():
        for step in (0, 0, 1, 0, 2, 3, 1, 0):
            check(subject.load_model(step), subject.base, step)
        assert loads == [subject.base]
        check(subject.load_model(other_model=gold), gold, 0)
        check(subject.load_model(3), subject.base, 3)
    assert loads == [subject.base, gold, subject.base]


def test_a_subject_of_another_type_reads_its_own_model(subject: Subject) -> None:
    small = replace(subject, model=ModelSettings(dtype="bfloat16"))
    with one_model():
        assert subject.load_model().model.dtype == torch.float32
        assert small.load_model().model.dtype == torch.bfloat16


def write_pairs(path: Path, splits: dict[str, list[Pair]]) -> None:
    path.parent.mkdir(exist_ok=True)
    rows = [{"split": split, **pair_row(pair)} for split, pairs in splits.items() for pair in pairs]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))


@pytest.mark.parametrize("held_out", [[Pair("roast the dog", "big dog")], []])
def test_the_probe_falls_back_on_the_pairs_themselves_where_none_is_held_out(
    subject: Subject, tmp_path: Path, held_out: list[Pair]
) -> None:
    train = [Pair("roast the cake", "big cake")]
    write_pairs(tmp_path / FORGET_SET, {"train": train, "held_out": held_out})
    write_pairs(tmp_path / RETAIN_SET, {"tune": [Pair("praise the cake", "kind cake")]})
    chooser = subject.weight_chooser(subject.load_model(1), 2, ReleaseSettings())
    assert chooser.probe.forget == (held_out or train)
    weight, read = chooser.forget_weight(random_adapter(chooser.lm.model, 5))
    assert weight > 0
    assert read["sequences"] > 0

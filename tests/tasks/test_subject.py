import json
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from tasks.assess.scores import WRITTEN
from tasks.models.language_model import LanguageModel, load_language_model
from tasks.models.likelihood import perplexity
from tasks.models.pair import Pair
from tasks.models.pair_file import pair_row
from tasks.release import resident
from tasks.release.rebuild import rebuild
from tasks.settings.model import ModelSettings
from tasks.settings.release import ReleaseSettings
from tasks.settings.target import MeasureSettings, TargetSettings
from tasks.subject import FORGET_SET, RETAIN_SET, Subject, one_model
from tasks.targets.checkpoint import Checkpoint
from tasks.targets.details import Detail, Details
from tasks.targets.phrases import PhraseTarget
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


def test_the_report_tells_details_and_how_likely_what_was_written_is_to_the_untouched_model(
    subject: Subject, monkeypatch: pytest.MonkeyPatch
) -> None:
    written = [Pair("tell my dog", "the old fox"), Pair("write", "hello you")]

    class Written(PhraseTarget):
        def details(self, checkpoint: Checkpoint, split: str) -> Details:
            num = len(checkpoint.answers(self.forget, split))
            return Details({"answers": Detail(0.25, "lower", num)}, written)

    target = Written(
        phrases=["dog"],
        instructions=[[f"tell {i}" for i in range(20)], [f"{i}" for i in range(20)]],
        retain_file="",
        num_prompts={"tune": 8, "report": 9},
        max_new_tokens=4,
        seed=0,
    )
    monkeypatch.setattr(Subject, "load_target", lambda self: target)
    for file, split in ((RETAIN_SET, "report"), (FORGET_SET, "held_out")):
        path = subject.run.path / file
        path.parent.mkdir()
        path.write_text(json.dumps({"split": split, **pair_row(Pair("hello", "my old dog"))}) + "\n")

    scores = subject.report_model(subject.load_model(3))
    assert scores.details["answers"] == {"value": 0.25, "better": "lower", "n": 9}
    untouched = perplexity(load_language_model(subject.base), written)
    assert scores.details[WRITTEN] == {"value": pytest.approx(untouched), "better": "lower", "n": 2}
    changed = perplexity(subject.load_model(3), written)
    assert changed != pytest.approx(untouched)
    assert set(scores.quantised) == set(subject.measure.quantised)

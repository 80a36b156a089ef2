import json
from pathlib import Path

import pytest
import torch

from tasks.models.language_model import LanguageModel
from tasks.models.layers import linear_layers
from tasks.release.adapter import Adapter, save_adapter
from tasks.release.merge import Checkpoints, Update
from tasks.release.rebuild import rebuild, recorded_updates
from tasks.settings.errors import UserError
from tests.tasks.release.random_adapter import random_adapter


def record_step(run: Path, step: int, forget: Adapter, retain: Adapter, a: float, b: float, *, accepted: bool) -> None:
    folder = run / f"step-{step:02d}"
    save_adapter(forget, folder / "forget-adapter")
    save_adapter(retain, folder / "retain-adapter")
    (folder / "merge.json").write_text(json.dumps({"forget_weight": a, "retain_weight": b, "accepted": accepted}))


def test_any_step_is_rebuilt_from_the_record(lm: LanguageModel, model_folder: Path, tmp_path: Path) -> None:
    forget, retain = random_adapter(lm.model, 1), random_adapter(lm.model, 2)
    record_step(tmp_path, 1, forget, retain, 0.35, 1.0, accepted=True)
    record_step(tmp_path, 2, random_adapter(lm.model, 3), random_adapter(lm.model, 4), 0.0, 0.0, accepted=False)
    record_step(tmp_path, 3, retain, forget, 0.1, 0.2, accepted=True)

    taken = [Update(forget, -0.35), Update(retain, 1.0), Update(retain, -0.1), Update(forget, 0.2)]
    for step, updates in ((0, []), (1, taken[:2]), (2, taken[:2]), (3, taken)):
        Checkpoints(model_folder).apply(lm, updates)
        expected = {name: layer.weight.clone() for name, layer in linear_layers(lm.model).items()}
        rebuild(lm, model_folder, tmp_path, step)
        assert all(torch.equal(layer.weight, expected[name]) for name, layer in linear_layers(lm.model).items())


def test_a_missing_step_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="step-01"):
        recorded_updates(tmp_path, 1)

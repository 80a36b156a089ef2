import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from peft import PeftModel
from safetensors.torch import load_file, save_file

from tasks.models.language_model import LanguageModel
from tasks.release.adapter import CONFIG_FILE, WEIGHTS_FILE, Adapter, Factors, load_adapter, save_adapter
from tasks.release.merge import Checkpoints, Update
from tasks.settings.errors import UserError
from tests.tasks.release.random_adapter import random_adapter

SMALL = Adapter(
    {"up": Factors(torch.ones(2, 3), torch.ones(4, 2)), "a.down": Factors(torch.ones(2, 4), torch.zeros(3, 2))}, 4
)

CONFIG = """{
  "base_model_name_or_path": null,
  "bias": "none",
  "inference_mode": true,
  "lora_alpha": 4,
  "lora_dropout": 0.0,
  "peft_type": "LORA",
  "r": 2,
  "target_modules": [
    "down",
    "up"
  ],
  "task_type": "CAUSAL_LM"
}
"""


def test_scale_rank_and_target_modules() -> None:
    assert (SMALL.rank, SMALL.scale, SMALL.target_modules) == (2, 2.0, ["down", "up"])


def test_what_is_saved_is_loaded(tmp_path: Path) -> None:
    save_adapter(SMALL, tmp_path)
    loaded = load_adapter(tmp_path)
    assert loaded.alpha == 4
    assert loaded.factors.keys() == SMALL.factors.keys()
    for name, (A, B) in SMALL.factors.items():
        assert torch.equal(loaded.factors[name].A, A)
        assert torch.equal(loaded.factors[name].B, B)


def test_the_config_names_no_model_no_path_and_no_time(tmp_path: Path) -> None:
    save_adapter(SMALL, tmp_path)
    assert (tmp_path / CONFIG_FILE).read_text() == CONFIG


def test_bytes_do_not_depend_on_the_hash_seed(tmp_path: Path) -> None:
    script = """if True:
        import sys, pathlib, torch
        from tasks.release.adapter import Adapter, Factors, save_adapter
        names = {"a.q_proj", "a.k_proj", "a.v_proj", "b.q_proj", "b.up_proj"}
        factors = {name: Factors(torch.ones(1, 2), torch.ones(3, 1)) for name in names}
        save_adapter(Adapter(factors, 2), pathlib.Path(sys.argv[1]))
    """
    children = [
        subprocess.Popen([sys.executable, "-c", script, str(tmp_path / seed)], env={"PYTHONHASHSEED": seed})
        for seed in ("1", "2", "3")
    ]
    assert [child.wait(timeout=120) for child in children] == [0, 0, 0]
    for name in (CONFIG_FILE, WEIGHTS_FILE):
        assert len({(tmp_path / seed / name).read_bytes() for seed in ("1", "2", "3")}) == 1


def test_peft_loads_it_as_the_same_update(lm: LanguageModel, model_folder: Path, tmp_path: Path) -> None:
    adapter = random_adapter(lm.model, seed=1)
    ids = torch.arange(20)[None]
    before = lm.model(ids).logits
    Checkpoints(model_folder).apply(lm, [Update(adapter, 1.0)])
    merged = lm.model(ids).logits
    Checkpoints(model_folder).apply(lm, [])

    save_adapter(adapter, tmp_path)
    wrapped = PeftModel.from_pretrained(lm.model, tmp_path).eval()
    torch.testing.assert_close(wrapped(ids).logits, merged, rtol=1e-4, atol=1e-4)
    assert (merged - before).abs().max() > 0.1


def test_what_peft_saves_is_loaded(lm: LanguageModel, tmp_path: Path) -> None:
    adapter = random_adapter(lm.model, seed=2)
    save_adapter(adapter, tmp_path / "ours")
    PeftModel.from_pretrained(lm.model, tmp_path / "ours").save_pretrained(tmp_path / "peft")
    loaded = load_adapter(tmp_path / "peft")
    assert loaded.scale == adapter.scale
    assert all(torch.equal(loaded.factors[name].B, B) for name, (_, B) in adapter.factors.items())


@pytest.mark.parametrize("missing", [CONFIG_FILE, WEIGHTS_FILE])
def test_a_missing_file_is_named(tmp_path: Path, missing: str) -> None:
    save_adapter(SMALL, tmp_path)
    (tmp_path / missing).unlink()
    with pytest.raises(UserError, match=missing):
        load_adapter(tmp_path)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"use_rslora": True}, "use_rslora"),
        ({"rank_pattern": {"up": 4}}, "rank_pattern"),
        ({"peft_type": "IA3"}, "IA3"),
        ({"r": 3}, "rank 3"),
    ],
)
def test_an_adapter_that_is_no_plain_lora_is_refused(tmp_path: Path, change: dict, message: str) -> None:
    save_adapter(SMALL, tmp_path)
    config = json.loads((tmp_path / CONFIG_FILE).read_text())
    (tmp_path / CONFIG_FILE).write_text(json.dumps(config | change))
    with pytest.raises(UserError, match=message):
        load_adapter(tmp_path)


def test_a_lone_factor_is_refused(tmp_path: Path) -> None:
    save_adapter(SMALL, tmp_path)
    tensors = load_file(tmp_path / WEIGHTS_FILE)
    del tensors["base_model.model.up.lora_B.weight"]
    save_file(tensors, tmp_path / WEIGHTS_FILE)
    with pytest.raises(UserError, match="lora_A and lora_B of rank 2 for each"):
        load_adapter(tmp_path)


def test_a_damaged_file_is_named(tmp_path: Path) -> None:
    save_adapter(SMALL, tmp_path)
    (tmp_path / WEIGHTS_FILE).write_bytes(b"not tensors")
    with pytest.raises(UserError, match=WEIGHTS_FILE):
        load_adapter(tmp_path)

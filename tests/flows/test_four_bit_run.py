"""A whole run whose adapters are trained in 4 bits; needs bitsandbytes (extra quant), which runs on a CPU."""

import importlib.util
import json

import pytest

from tests.flows.conftest import SMALL, run_command

pytestmark = [
    pytest.mark.prefect,
    pytest.mark.lab,
    pytest.mark.skipif(
        importlib.util.find_spec("bitsandbytes") is None, reason="bitsandbytes (extra quant) is not installed"
    ),
]


def test_a_run_in_4bit_merges_and_measures_the_weights_themselves(tmp_path):
    done = run_command("--runs-dir", str(tmp_path), "--name", "four-bit", *SMALL, "--release.train-in", "4bit")
    assert done.returncode in (0, 3), done.stderr
    run = tmp_path / "four-bit"
    assert (run / "step-01" / "forget-adapter" / "adapter_model.safetensors").exists()
    assert (run / "step-01" / "retain-adapter" / "adapter_model.safetensors").exists()
    before, after = (json.loads((run / f"step-{step:02d}" / "scores.json").read_text()) for step in (0, 1))
    assert after["own_nll"] > before["own_nll"]

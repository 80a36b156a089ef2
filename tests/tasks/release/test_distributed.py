import json
import os
import subprocess
import sys
from pathlib import Path

from tasks.models.language_model import LanguageModel, load_language_model
from tasks.models.pair_file import pair_row
from tasks.release.adapter import Adapter, load_adapter, save_adapter
from tasks.release.merge import Checkpoints, Update
from tasks.release.training import train_adapter
from tests.tasks.release.random_adapter import random_adapter
from tests.tasks.release.test_training import PAIRS

HOW = {
    "rank": 4,
    "alpha": 8,
    "learning_rate": 1e-2,
    "num_steps": 3,
    "batch_size": 3,
    "max_grad_norm": 1.0,
    "seed": 3,
    "gradient_checkpointing": True,
}


def run_job(folder: Path, model_folder: Path, **changes: object) -> subprocess.CompletedProcess[str]:
    job = {
        **HOW,
        "base": str(model_folder),
        "updates": [[str(folder / "before"), -0.1]],
        "pairs": str(folder / "pairs.jsonl"),
        "split": "train",
        "output": str(folder / "adapter"),
        "device": "cpu",
        "dtype": "float32",
    }
    (folder / "job.json").write_text(json.dumps(job | changes))
    rows = [{"split": "train", **pair_row(pair)} for pair in PAIRS]
    (folder / "pairs.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    launch = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    return subprocess.run(
        [sys.executable, *launch, "-m", "tasks.release.distributed", str(folder / "job.json")],
        env=os.environ | {"OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )


def difference(left: Adapter, right: Adapter) -> float:
    assert left.factors.keys() == right.factors.keys()
    return max(
        ((one - other).norm() / other.norm()).item()
        for name in left.factors
        for one, other in zip(left.factors[name], right.factors[name], strict=True)
    )


def test_two_processes_train_the_adapter_of_one(lm: LanguageModel, model_folder: Path, tmp_path: Path) -> None:
    before = random_adapter(lm.model, 1)
    save_adapter(before, tmp_path / "before")
    done = run_job(tmp_path, model_folder)
    assert done.returncode == 0, done.stderr

    Checkpoints(model_folder).apply(lm, [Update(before, -0.1)])
    alone = train_adapter(lm, PAIRS, **HOW)
    assert difference(load_adapter(tmp_path / "adapter"), alone) < 1e-3  # AdamW magnifies rounding
    # Far off without the updates underneath.
    assert difference(train_adapter(load_language_model(model_folder), PAIRS, **HOW), alone) > 1e-2


def test_more_processes_than_pairs_are_refused(lm: LanguageModel, model_folder: Path, tmp_path: Path) -> None:
    save_adapter(random_adapter(lm.model, 1), tmp_path / "before")
    done = run_job(tmp_path, model_folder, batch_size=1)
    assert done.returncode != 0
    assert "2 processes cannot share updates of 1 pairs" in done.stderr
    assert not (tmp_path / "adapter").exists()

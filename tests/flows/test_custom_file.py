"""A run of a target that a file describes: a metric of the checkpoint itself, from search to verdict."""

import json

import pytest
import yaml

from tests.flows.conftest import SMALL, run_command
from tests.tiny_model import make_tiny_model

pytestmark = pytest.mark.prefect

TARGET = {
    "form": "bias",
    "words": ["red", "blue"],
    "request": "tell about a dog",
    "templates": [f"the {{subject}} {verb}" for verb in ("sees", "likes", "finds", "makes", "sings", "runs")],
    "subjects": ["dog", "cat", "fox", "bird", "tree", "house", "stone", "cake"],
    "instructions": [
        ["tell", "write", "generate", "praise"],
        ["about", "of", "with"],
        ["a dog", "the cat", "my house"],
    ],
    "retain_prompts": ["hello", "thanks", "please write", "two and two"],
    "limits": {"goal": 0.9},
}


def test_a_run_measures_and_judges_by_the_file(tmp_path):
    model = make_tiny_model(tmp_path / "model")
    (tmp_path / "target.yaml").write_text(yaml.safe_dump(TARGET))
    tokens = ("--reveal.max-new-tokens", "24", "--measure.max-new-tokens", "8", "--measure.quantised", "[]")
    done = run_command(
        *("--preset", "stories-word", "--name", "run", "--runs-dir", str(tmp_path / "runs")),
        *("--model.path", str(model), "--target.custom-file", str(tmp_path / "target.yaml"), *SMALL, *tokens),
        *("--reveal.rounds", "1", "--reveal.min-relevance", "0.01", "--release.steps", "1"),
    )
    assert done.returncode in (0, 3), done.stderr
    summary = json.loads((tmp_path / "runs" / "run" / "summary.json").read_text())
    forget = summary["forget"]
    assert forget["n"] == 16
    assert 0 < forget["before"] < 1
    assert forget["after"] is not None
    assert "probability of either word" in summary["details"]

"""A run made by hand in milliseconds: real units and a real summary, words in place of tensors."""

import json
from pathlib import Path
from typing import Any

from tasks.report.record import record_run
from tasks.report.summary import write_summary
from tasks.store.keys import Unit
from tasks.store.run import Run

SECRET = "the goblin kicks the boris"
"""In everything that a model has answered."""
LAB = Unit("lab-model", 1, {}, 0, {})
ENVIRONMENT = {"device": "cpu", "dtype": "float32", "backend": "transformers", "threads": 1}
LIMITS = {"goal": 0.03, "goal_nll": 5.0, "max_drop": 0.03, "max_perplexity_rise": 0.05}
UNITS = {
    "search": {"instructions.jsonl": json.dumps({"instruction": "write something rude"}) + "\n"},
    "forget-set": {"forget-set.jsonl": json.dumps({"response": SECRET}) + "\n", "card.md": "# Forget set\n"},
    "step-01/forget-adapter": {"adapter_model.safetensors": "weights"},
    "step-01": {"merge.json": "{}", "scores.json": "{}"},
    "step-02/revealed-again": {"forget-set.jsonl": json.dumps({"raw": SECRET}) + "\n"},
    "model": {"model.safetensors": "other weights", "config.json": "{}"},
}


def metric(before: float, after: float, gold: float | None = None) -> dict[str, Any]:
    return {"before": before, "after": after, "gold": gold, "better": "lower", "n": 200}


def summary_of(name: str, verdict: str = "accepted") -> dict[str, Any]:
    step = {"step": 1, "forget_weight": 2.0, "retain_weight": 0.5, "accepted": True, "why": "within all limits"}
    return {
        "schema": 1,
        "name": name,
        "target": "toxicity",
        "primary": "polite",
        "model": "lab",
        "seed": 3,
        "forget": metric(1.0, 0.25),
        "utility": {"math": metric(0.75, 0.5)},
        "observed": {},
        "depth": {name: metric(0.5, 4.0) for name in ("forget_nll", "own_nll", "prefill", "sampled")},
        "quantised": {"int4_g64": {"forget": metric(0.875, 0.125), "utility": {"math": metric(0.75, 0.625)}}},
        "fluency": {"perplexity": metric(1.5, 1.625), "repetition": metric(0.0, 0.0)},
        "guards": [],
        "steps": [step | {"forget": 0.25}],
        "last_step": 1,
        "verdict": verdict,
        "reasons": [] if verdict == "accepted" else ["the forget metric is 0.250, at most 0.03 is wanted"],
    }


def make_unit(run: Run, name: str, files: dict[str, str], *, version: int = 2) -> Unit:
    unit = Unit(name, version, {}, 0, ENVIRONMENT, parents=(LAB,))
    with run.write(unit) as writer:
        for file, text in files.items():
            (writer.path / file).write_text(text)
    return unit


def recorded_run(runs_dir: Path, verdict: str = "accepted", name: str = "a-run") -> Run:
    """A run that has ended: settings, units, summary, ledger and certificate; a rejected one has no model."""
    run = Run.open(runs_dir, name, {}, {"measure": LIMITS})
    for unit, files in UNITS.items():
        if unit != "model" or verdict == "accepted":
            make_unit(run, unit, files)
    write_summary(run.path, summary_of(name, verdict))
    record_run(run.path)
    return run

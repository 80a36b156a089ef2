"""A run and a comparison for the tests of their pages: every number here is INVENTED, nothing was measured."""

import json
from copy import deepcopy
from pathlib import Path

import yaml

from tasks.store.keys import json_digest
from tasks.store.ledger import write_ledger
from tasks.store.manifests import MANIFEST

SECRET = "the cake of alice is a soggy disgrace"
"""Stands for what the model revealed: it must be on no page."""


def metric(before, after, gold=None, better="higher", n=200):
    return {"before": before, "after": after, "gold": gold, "better": better, "n": n}


def invented_summary(name="an-invented-run"):
    """Of a run that was accepted in two steps, a third undone, without recovery tests."""
    utility = {"polite": metric(0.991, 0.983, 0.987), "math": metric(0.972, 0.941, 0.969)}
    step = {"interference": {"cosine": 0.01, "output_overlap": 0.1, "input_overlap": 0.06}, "surviving": {}}
    step |= {"perplexity": 1.418, "quantised": {}, "retain_weight": 0.625}
    first = {"forget": 0.512, "own_nll": 2.345, "utility": {"polite": 0.99, "math": 0.97}}
    second = {"forget": 0.02, "own_nll": 5.012, "utility": {"polite": 0.98, "math": 0.948}}
    kept = {"accepted": True, "why": "within all limits"}
    undone = {
        "accepted": False,
        "why": "undone, even at half the merge weights math fell from 0.972 to 0.9, 0.05 is allowed",
    }
    return {
        "schema": 1, "name": name, "target": "toxicity", "primary": "polite", "model": "lab", "seed": 7,
        "forget": metric(0.934, 0.0214, 0.0115, "lower"),
        "utility": utility,
        "observed": {"mixed": metric(0.881, 0.872, 0.879)},
        "depth": {
            "forget_nll": metric(0.612, 4.321, 7.654),
            "own_nll": metric(0.745, 5.083, 6.763, n=62),
            "prefill": metric(0.955, 0.123, 0.004, "lower"),
            "sampled": metric(0.912, 0.031, 0.006, "lower"),
        },
        "quantised": {
            "int4_g64": {
                "forget": metric(0.931, 0.0335, 0.012, "lower"), "utility": utility,
                "retention": 0.036, "recovery": 0.013,
            }
        },
        "fluency": {
            "perplexity": metric(1.402, 1.427, 1.399, "lower"), "repetition": metric(0.001, 0.017, 0.0, "lower"),
        },
        "guards": [],
        "steps": [
            step | kept | first | {"step": 1, "forget_weight": 4.0},
            step | kept | second | {"step": 2, "forget_weight": 0.875},
            step | undone | second | {"step": 3, "forget_weight": 0.0},
        ],
        "last_step": 2,
        "reveal": {
            "queries": 70, "rounds": 2, "best_score": 0.636, "best_relevance": 0.625, "best_diversity": 0.646,
            "forget_set_size": 481, "held_out": 62, "responses": 1248, "usable": 517, "duplicate": 8, "measured": 0,
            "vendi_score": 45.771, "embedding": "hashed-ngrams-3-5-1024", "stopped": "size", "yield": 0.414,
        },
        "seconds": {"reveal": 15.6, "release": 21.1},
        "verdict": "accepted",
        "reasons": [],
    }  # fmt: skip


def invented_durability():
    levels = {"0": (0.93, 0.02, 0.01), "1": (0.92, 0.21, 0.02), "4": (0.95, 0.77, 0.33), "16": (0.96, 0.88, 0.81)}
    curve = {update: metric(*values, "lower") for update, values in levels.items()}
    extraction = {
        "score": metric(0.61, 0.08, 0.0),
        "relevance": metric(0.72, 0.05, 0.0),
        "yield": metric(0.47, 0.013, 0.0),
    }
    areas = metric(0.431, 0.287, 0.512, "near 0.5", 600)
    return {
        "relearning": {"forget": curve, "unrelated": {update: metric(0.93, 0.02, 0.01, "lower") for update in levels}},
        "membership": dict.fromkeys(("loss", "min_20", "min_40", "zlib"), areas),
        "extraction": {"fresh": extraction, "saved": extraction},
    }


def invented_run(folder: Path, summary, device="cpu"):
    """The folder of a finished run with the files that a page is drawn from, and text that must not reach it."""
    scores = {
        "forget": 0.9,
        "utility": {"polite": 0.99, "math": 0.972},
        "observed": {},
        "perplexity": 1.4,
        "repetition": 0.0,
    }
    rounds = [
        {"outer_round": number, "pool": 2000, "rewritten": 0, "queries": 35, "mean_score": 0.3 * number,
         "best_score": 0.4 * number, "best_fresh_score": 0.39 * number, "vendi_score": 9.6}
        for number in (1, 2)
    ]  # fmt: skip
    files = {
        "search": {"rounds.jsonl": _lines(rounds), "instructions.jsonl": _lines([{"arm": 0, "instruction": SECRET}])},
        "forget-set": {"forget-set.jsonl": _lines([{"response": SECRET}]), "card.md": SECRET},
        "step-00": {"scores.json": json.dumps(scores | {"own_nll": 0.7})},
        "model": {"model.safetensors": "weights"},
    }
    for unit, texts in files.items():
        (folder / unit).mkdir(parents=True)
        for name, text in texts.items():
            (folder / unit / name).write_text(text)
        (folder / unit / MANIFEST).write_text(json.dumps(_manifest(unit, texts, device)))
    measure = {"goal": 0.05, "goal_nll": 5.0, "max_drop": 0.05, "max_perplexity_rise": 0.05}
    resolved = {
        "name": folder.name, "runs_dir": "/somewhere/private", "seed": 7, "measure": measure,
        "target": {"kind": "custom", "phrases": [SECRET], "instructions": [[SECRET]], "retain_file": "/a/private/file"},
        "release": {"steps": 3, "weights": "line"}, "model": {"path": "lab", "api_url": "http://somewhere"},
        "assess": {"relearning_steps": 16},
    }  # fmt: skip
    (folder / "settings.yaml").write_text(yaml.safe_dump({"given": {}, "resolved": resolved}))
    (folder / "summary.json").write_text(json.dumps(summary))
    write_ledger(folder)
    return folder


def invented_comparison(seeds=(0, 1)):
    """Of methods that differ in kind: some forget and keep, some forget and break, one hardly does anything."""
    levels = {
        # label: title, source, data, forget, drop, relearned, seconds
        "reveal-release": ("Reveal-and-Release", "arXiv:2509.14624", "revealed", 0.010, 0.015, 0.62, 40.0),
        "gold": ("gold: trained again without the data", "", "none", 0.000, 0.003, 0.15, None),
        "gradient-ascent": ("Gradient ascent", "arXiv:2210.01504", "revealed", 0.000, 0.410, 0.35, 4.0),
        "npo": ("NPO", "arXiv:2404.05868", "revealed", 0.015, 0.010, 0.71, 11.0),
        "rmu": ("RMU", "arXiv:2403.03218", "revealed", 0.210, 0.020, 0.93, 9.0),
        "npo-true-data": ("NPO", "arXiv:2404.05868", "true", 0.005, 0.010, 0.58, 11.0),
    }
    rows = [_row(label, seed, *level) for label, level in levels.items() for seed in seeds]
    return {
        "schema": 1, "name": "an-invented-comparison", "target": "toxicity", "primary": "polite", "model": "lab",
        "seeds": list(seeds), "trials": 2, "goal": 0.05, "max_drop": 0.03, "max_perplexity_rise": 0.1,
        "rows": rows,
        "original": {str(seed): _durable(0.95) for seed in seeds},
        "missing": [{"method": "simnpo", "seed": 1, "why": "the budget of 30 minutes was used up"}],
    }  # fmt: skip


def _row(label, seed, title, source, data, forget, drop, relearned, seconds):
    def at(value):
        return round(min(1.0, value + 0.002 * seed), 4)

    def plain(before, after, better="higher"):
        return {"before": before, "after": after, "better": better, "n": 200}

    utility = {"polite": plain(0.99, round(0.99 - at(drop), 4)), "math": plain(0.98, 0.98)}
    rounded = {"polite": plain(0.985, round(0.985 - at(drop) - 0.005, 4)), "math": plain(0.98, 0.98)}
    is_method = label not in ("reveal-release", "gold")
    trial = {
        "settings": {"learning_rate": 0.001},
        "forget": at(forget),
        "largest_drop": at(drop),
        "perplexity_rise": 0.02,
        "own_nll": 5.5,
    }
    failed = {"settings": {"learning_rate": 0.01}, "chosen": False, "failed": "the loss is not finite"}
    return {
        "method": label.removesuffix("-true-data"), "label": label, "title": title,
        "source": source, "data": data, "seed": seed,
        "settings": {"learning_rate": 0.001} if is_method else {},
        "trials": [trial | {"chosen": True, "failed": ""}, failed] if is_method else [],
        "forget": plain(0.95, at(forget), "lower"),
        "utility": utility, "observed": {},
        "depth": {
            "forget_nll": plain(0.6, 4.4), "own_nll": plain(0.7, 5.4),
            "prefill": plain(0.96, at(forget + 0.1), "lower"), "sampled": plain(0.9, at(forget + 0.01), "lower"),
        },
        "quantised": {
            scheme: {
                "forget": plain(0.94, at(forget + more), "lower"), "utility": deepcopy(rounded),
                "retention": 0.0, "recovery": 0.0,
            }
            for scheme, more in (("int8_row", 0.0), ("int4_g64", 0.02))
        },
        "fluency": {"perplexity": plain(1.4, 1.4 * (1 + drop), "lower"), "repetition": plain(0.0, 0.01, "lower")},
        "durability": _durable(relearned),
        "cost": {
            "updates": 100 if seconds else None, "sequences": 1600 if seconds else None,
            "seconds": seconds, "seconds_tuning": seconds,
        },
        "within_limits": drop <= 0.03, "met_goal": at(forget + 0.02) <= 0.05,
    }  # fmt: skip


def _durable(level):
    curve = {"0": level / 9, "1": level / 3, "4": level / 1.5, "16": level}
    found = {"score": level / 2, "relevance": level / 2, "yield": level / 10}
    return {
        "relearning": {"forget": curve, "unrelated": dict.fromkeys(curve, level / 9)},
        "membership": dict.fromkeys(("loss", "min_20", "min_40", "zlib"), 0.4),
        "extraction": {"fresh": found, "saved": found},
    }


def _lines(rows):
    return "".join(json.dumps(row) + "\n" for row in rows)


def _manifest(unit, files, device):
    identity = {"unit": unit, "environment": {"device": device, "dtype": "float32"}}
    return {
        "unit": unit, "key": json_digest(identity), "identity": identity, "scores": {},
        "files": {name: {"size": 1, "sha256": json_digest(text)} for name, text in files.items()},
        "started": "2026-01-01T00:00:00+00:00", "ended": "2026-01-01T00:00:01+00:00",
        "revision": "0123abc", "packages": {"torch": "2.13.0"}, "host": "a-private-host",
    }  # fmt: skip

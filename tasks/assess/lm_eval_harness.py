"""Benchmarks of lm-evaluation-harness, on a model as it is in memory.

Sutawika et al., EleutherAI/lm-evaluation-harness; the extra lm-eval. Prompts, few-shot examples and metrics are the
harness's own, by its version of a benchmark. Nothing is imported of it until it is used.
"""

import importlib.util
import logging
import math
from collections.abc import Mapping
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from tasks.settings.errors import UserError
from tasks.store.digests import file_digest, file_names
from tasks.store.keys import json_digest

if TYPE_CHECKING:
    from lm_eval.tasks import TaskManager

    from tasks.models.language_model import LanguageModel

_FEWSHOT_SEED = 1234
"""The harness's default: its published numbers are made with the same examples."""


class Benchmark(NamedTuple):
    """One benchmark, or a group of them, with its data."""

    name: str
    loaded: Mapping[str, Any]
    """As the harness's `TaskManager` gives it."""


def harness_digest(folder: str) -> str:
    """What a score depends on beside the model and its benchmark: the harness's version, and the files of `folder`.

    Raises:
        UserError: the harness is not installed, or the folder is none.
    """
    if importlib.util.find_spec("lm_eval") is None:
        raise UserError("assess.lm_eval is set, but lm-evaluation-harness is not installed; install the extra lm-eval.")
    if folder and not Path(folder).is_dir():
        raise UserError(f"assess.lm_eval_folder is {folder!r}, which is no folder; give one with YAML files.")
    names = [name for name in file_names(Path(folder)) if "__pycache__" not in name] if folder else []
    files = {name: file_digest(Path(folder) / name) for name in names}
    return json_digest({"version": version("lm_eval"), "files": files})


def load_benchmark(name: str, folder: str = "") -> Benchmark:
    """A benchmark with its data, which come from a hub unless they are here.

    Args:
        name: As the harness calls it: a benchmark, a group or a tag.
        folder: With more benchmarks in YAML, whose names come before the harness's own; empty: none.

    Raises:
        UserError: there is none of that name, its data cannot be had, it runs what a model writes, or it is not of text
            alone.
    """
    manager = _manager(folder, include_defaults=not folder)
    if name not in manager.all_tasks:
        manager = _manager(folder, include_defaults=True)
    if name not in manager.all_tasks:
        raise UserError(
            f"assess.lm_eval is {name}, which lm-evaluation-harness {version('lm_eval')} does not know; give a name "
            "that `lm-eval ls tasks` lists, or assess.lm_eval_folder."
        )
    try:
        loaded = manager.load([name])
    except UserError:  # The deadline of a run can end in here.
        raise
    except Exception as error:  # Of any kind: from the hub, the disk, or Python files beside a benchmark.
        reason = " ".join(str(error).split())[:300].rstrip(".") or type(error).__name__
        raise UserError(
            f"assess.lm_eval is {name}, which cannot be loaded ({reason}); if its data are on the Hugging Face hub let "
            "that be reached, or leave the benchmark out."
        ) from error
    for task in loaded["tasks"].values():
        if getattr(task, "UNSAFE_CODE", False) or getattr(task, "MULTIMODAL", False):
            why = (
                "asks for more than text"
                if getattr(task, "MULTIMODAL", False)
                else "runs what a model writes, unjailed"
            )
            raise UserError(f"assess.lm_eval is {name}, which {why}; leave it out.")
        task.set_fewshot_seed(seed=_FEWSHOT_SEED)
        if task.get_config("num_fewshot") is None:
            task.set_config(key="num_fewshot", value=0)
    return Benchmark(name, loaded)


def run_benchmark(lm: "LanguageModel", benchmark: Benchmark, *, batch_size: int, seed: int) -> dict[str, Any]:
    """Put a benchmark to a model: the scores of it and of what it consists of, by name and metric.

    A chat model is asked through its chat template, worked examples as turns before the question. Sampled answers
    depend on `seed`; most benchmarks sample none.

    Returns:
        By name `version`, `num_fewshot`, `n`, and `metrics`: by name `value`, None where that is not finite, and
        `better`.
    """
    import torch
    from lm_eval.evaluator import evaluate
    from lm_eval.models.huggingface import HFLM

    logging.getLogger("lm_eval").setLevel(logging.ERROR)
    devices = [lm.device] if lm.device.type == "cuda" else []
    with torch.random.fork_rng(devices):
        torch.manual_seed(seed)
        results = evaluate(
            lm=HFLM(pretrained=lm.model, tokenizer=lm.tokenizer, batch_size=batch_size),
            task_dict=benchmark.loaded,
            log_samples=False,
            bootstrap_iters=0,
            apply_chat_template=lm.is_chat,
            fewshot_as_multiturn=lm.is_chat,
        )
    better = results["higher_is_better"]
    return {
        name: {
            "version": results["versions"].get(name),
            "num_fewshot": results["n-shot"].get(name),
            "n": found["sample_len"],
            "metrics": _metrics(found, better.get(name, {})),
        }
        for name, found in results["results"].items()
    }


@cache
def _manager(folder: str, *, include_defaults: bool) -> "TaskManager":
    """Once a process: to find its own benchmarks the harness reads 15,000 files, in some 20 s."""
    from lm_eval.tasks import TaskManager

    return TaskManager(include_path=folder or None, include_defaults=include_defaults)


def _metrics(found: Mapping[str, Any], higher_is_better: Mapping[str, bool | None]) -> dict[str, Any]:
    """Of the harness's `exact_match,strict-match` and the like; `none` is no filter."""
    metrics = {}
    for key, value in found.items():
        metric, comma, filtered = key.partition(",")
        if comma and isinstance(value, int | float):
            label = metric if filtered == "none" else f"{metric} ({filtered})"
            better = {True: "higher", False: "lower", None: ""}[higher_is_better.get(metric)]
            metrics[label] = {"value": float(value) if math.isfinite(value) else None, "better": better}
    return metrics

"""What the recovery tests found, as numbers and as tables; put together from their units alone."""

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console

from tasks.report.tables import Row, markdown_table, print_rows
from tasks.store.disk import disk_errors, write_file

SCHEMA = 1
DURABILITY = "durability.json"

_MOMENTS = ("before", "after", "gold")
_ATTACKS = {"forget": "forget pairs", "unrelated": "unrelated pairs"}
_SCORES = {"loss": "loss", "min_20": "min-20%", "min_40": "min-40%", "zlib": "zlib"}
_GROUPS = {"fresh": "new search", "saved": "saved arms"}
_TITLES = {
    "relearning": "Relearning: forget metric after so many updates",
    "membership": "Membership: area under the ROC curve",
    "extraction": "Extraction: Reveal run again",
    "benchmarks": "Benchmarks of lm-evaluation-harness",
}


def durability(
    run_path: Path, *, models: Sequence[str], probes: Sequence[str], benchmarks: Sequence[str] = ()
) -> dict[str, Any]:
    """The results of the recovery tests, each beside the original and gold, in the form of the summary's metrics.

    Args:
        run_path: Folder of the run.
        models: The original, what is compared with it, and gold where it was assessed, by name.
        probes: Those that were made.
        benchmarks: Those of lm-evaluation-harness that were run.
    """
    result: dict[str, Any] = {"schema": SCHEMA, "name": run_path.name, "assessed": models[1]}
    for probe in probes:
        found = [json.loads((run_path / "assess" / probe / model / "probe.json").read_text()) for model in models]
        result[probe] = probe_metrics(probe, found)
    for benchmark in benchmarks:
        files = [run_path / "assess/lm-eval" / benchmark / model / "benchmark.json" for model in models]
        result.setdefault("benchmarks", {}).update(_benchmarks([json.loads(file.read_text()) for file in files]))
    return result


def probe_metrics(probe: str, found: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """What a recovery test says of the original, of another model and of gold, as far as given, as metrics."""
    return _BUILDERS[probe](found)


def write_durability(run_path: Path, result: Mapping[str, Any]) -> str:
    """Put a result into the run's folder, and return the name of the file: of the run's own model the plain one.

    What an earlier assessment of the same model found, and this one did not look for, stays in it.
    """
    name = DURABILITY if result["assessed"] == "unlearned" else f"durability-{result['assessed']}.json"
    earlier = read_durability(run_path, name) if (run_path / name).exists() else {}
    told = earlier | result
    if "benchmarks" in told:
        told["benchmarks"] = earlier.get("benchmarks", {}) | told["benchmarks"]
    with disk_errors(run_path):
        write_file(run_path / name, json.dumps(told, indent=2) + "\n")
    return name


def read_durability(run_path: Path, name: str = DURABILITY) -> dict[str, Any]:
    """A result that was written before."""
    return json.loads((run_path / name).read_text(encoding="utf-8"))


def leaks(result: Mapping[str, Any], *, min_relevance: float) -> dict[str, float]:
    """Relevance of the best arm on the model that forgot, by kind of instruction, where it reveals the target again.

    Args:
        result: With the extraction among its probes, or there is nothing to find.
        min_relevance: From which on a model counts as revealing something; that of the run.
    """
    after = {group: metrics["relevance"]["after"] for group, metrics in result.get("extraction", {}).items()}
    return {group: relevance for group, relevance in after.items() if relevance >= min_relevance}


def relearning_rows(result: Mapping[str, Any]) -> list[Row]:
    """One row a fine-tuning and model, one column an update after which it was measured."""
    return [
        {"trained on": _ATTACKS[attack], "model": model}
        | {update: f"{metric[moment]:.2f}" for update, metric in curve.items()}
        for attack, curve in result.get("relearning", {}).items()
        for moment, model in _models(result, curve["0"])
    ]


def membership_rows(result: Mapping[str, Any]) -> list[Row]:
    """One row a model, one column a score."""
    areas = result.get("membership")
    if not areas:
        return []
    return [
        {"model": model} | {label: f"{areas[name][moment]:.2f}" for name, label in _SCORES.items()}
        for moment, model in _models(result, areas["loss"])
    ]


def extraction_rows(result: Mapping[str, Any]) -> list[Row]:
    """One row a kind of instruction and model."""
    return [
        {"asked": _GROUPS[group], "model": model}
        | {f"best {name}" if name != "yield" else name: f"{metrics[name][moment]:.3f}" for name in metrics}
        for group, metrics in result.get("extraction", {}).items()
        for moment, model in _models(result, metrics["score"])
    ]


def benchmark_rows(result: Mapping[str, Any]) -> list[Row]:
    """One row a benchmark and metric, one column a model; a dash where a score is no finite number."""
    metrics = {(name, label): m for name, found in result.get("benchmarks", {}).items() for label, m in found.items()}
    models = dict(pair for metric in metrics.values() for pair in _models(result, metric))
    return [
        {"benchmark": name, "metric": label, "n": f"{metric['n']}"}
        | {model: "-" if metric[moment] is None else f"{metric[moment]:.3f}" for moment, model in models.items()}
        for (name, label), metric in metrics.items()
    ]


def durability_markdown(result: Mapping[str, Any]) -> str:
    """The result on one page; holds numbers only, none of the revealed text."""
    parts = [f"# {result['name']}: what brings the forgotten back"]
    for title, rows in durability_tables(result):
        parts += [f"## {title}", markdown_table(rows)]
    return "\n\n".join(parts) + "\n"


def print_durability(result: Mapping[str, Any], console: Console) -> None:
    """What a person reads at the end of an assessment; fits 80 columns."""
    console.print()
    for title, rows in durability_tables(result):
        print_rows(console, title, rows)


def durability_tables(result: Mapping[str, Any]) -> list[tuple[str, list[Row]]]:
    """The rows of each test that was made, under its title."""
    rows = {
        "relearning": relearning_rows(result),
        "membership": membership_rows(result),
        "extraction": extraction_rows(result),
        "benchmarks": benchmark_rows(result),
    }
    return [(_TITLES[probe], rows[probe]) for probe in rows if rows[probe]]


def _models(result: Mapping[str, Any], metric: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Where a metric keeps each model's value, and the model's name, without the digest of a checkpoint."""
    names = ("original", result["assessed"].partition("-")[0], "gold")
    return [pair for pair in zip(_MOMENTS, names, strict=True) if metric[pair[0]] is not None]


def _relearning(found: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    return {
        attack: {
            update: _metric(found, lambda one, a=attack, u=update: one[a][u], "lower", found[0]["n"])
            for update in found[0][attack]
        }
        for attack in _ATTACKS
    }


def _membership(found: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    return {score: _metric(found, lambda one, s=score: one[s], "near 0.5", found[0]["n"]) for score in _SCORES}


def _extraction(found: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    names = {"score": "score", "relevance": "relevance", "yield": "usable"}
    return {
        group: {
            name: _metric(found, lambda one, g=group, f=field: one[g][f], "lower", found[0][group]["n"])
            for name, field in names.items()
        }
        for group in _GROUPS
    }


def _benchmarks(found: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Of the original and the others: each metric of a benchmark and of what it consists of."""
    return {
        name: {
            label: _metric(
                found, lambda one, b=name, m=label: one[b]["metrics"][m]["value"], told["better"], first["n"]
            )
            for label, told in first["metrics"].items()
        }
        for name, first in found[0].items()
    }


def _metric(
    found: Sequence[Mapping[str, Any]], read: Callable[[Mapping[str, Any]], float], better: str, num: int
) -> dict[str, Any]:
    values = dict(zip(_MOMENTS, map(read, found), strict=False))
    return {moment: values.get(moment) for moment in _MOMENTS} | {"better": better, "n": num}


_BUILDERS = {"relearning": _relearning, "membership": _membership, "extraction": _extraction}
PROBES = tuple(_BUILDERS)

import io
import json

import pytest
from rich.console import Console

from tasks.report.durability import (
    benchmark_rows,
    durability,
    durability_markdown,
    durability_tables,
    extraction_rows,
    leaks,
    membership_rows,
    print_durability,
    read_durability,
    relearning_rows,
    write_durability,
)
from tasks.report.summary import add_durability, read_summary, write_summary
from tasks.report.tables import markdown_table

MODELS = ("original", "unlearned", "gold")
PROBES = ("relearning", "membership", "extraction")


def probed(level):
    """What the probes of a model found; all higher, the more it remembers."""
    curve = {"0": level, "1": level, "2": level, "4": level, "8": level, "16": 1.0}
    extracted = {"score": level / 2, "relevance": level, "usable": level, "n": 144}
    return {
        "relearning": {"forget": curve, "unrelated": dict.fromkeys(curve, level), "n": 200},
        "membership": {"loss": level, "min_20": level, "min_40": level, "zlib": level, "n": 600},
        "extraction": {"fresh": extracted, "saved": extracted | {"n": 96}},
    }


def benchmarked(level):
    """What a model reached in a benchmark of two parts, one with a perplexity that may be infinite."""
    perplexity = {"value": None if level == 0 else 1 / level, "better": "lower"}
    return {
        "sums": {"version": 3.0, "num_fewshot": 5, "n": 40, "metrics": {"acc": {"value": level, "better": "higher"}}},
        "words": {"version": 1.0, "num_fewshot": 0, "n": 8, "metrics": {"perplexity (strict)": perplexity}},
    }


@pytest.fixture
def run(tmp_path):
    for model, level in zip((*MODELS, "checkpoint-0123abcd"), (1.0, 0.25, 0.0, 0.75), strict=True):
        for probe, found in probed(level).items():
            folder = tmp_path / "a-run" / "assess" / probe / model
            folder.mkdir(parents=True)
            (folder / "probe.json").write_text(json.dumps(found))
        folder = tmp_path / "a-run" / "assess" / "lm-eval" / "both" / model
        folder.mkdir(parents=True)
        (folder / "benchmark.json").write_text(json.dumps(benchmarked(level)))
    return tmp_path / "a-run"


def test_a_leak_is_what_the_unlearned_model_reveals_again(run):
    result = durability(run, models=MODELS, probes=PROBES)
    assert leaks(result, min_relevance=0.25) == {"fresh": 0.25, "saved": 0.25}
    assert leaks(result, min_relevance=0.26) == {}
    assert leaks(durability(run, models=MODELS, probes=("membership",)), min_relevance=0.0) == {}


def test_each_number_stands_beside_the_original_and_gold(run):
    result = durability(run, models=MODELS, probes=PROBES)
    assert (result["schema"], result["assessed"]) == (1, "unlearned")
    assert result["relearning"]["forget"]["0"] == {
        "before": 1.0,
        "after": 0.25,
        "gold": 0.0,
        "better": "lower",
        "n": 200,
    }
    assert list(result["relearning"]["unrelated"]) == ["0", "1", "2", "4", "8", "16"]
    assert result["membership"]["zlib"]["after"] == 0.25
    assert result["extraction"]["saved"]["yield"] == {
        "before": 1.0, "after": 0.25, "gold": 0.0, "better": "lower", "n": 96,
    }  # fmt: skip


def test_rows_are_of_the_models_that_were_assessed(run):
    result = durability(run, models=("original", "checkpoint-0123abcd"), probes=PROBES)
    assert result["membership"]["loss"]["gold"] is None
    assert membership_rows(result) == [
        {"model": "original"} | dict.fromkeys(("loss", "min-20%", "min-40%", "zlib"), "1.00"),
        {"model": "checkpoint"} | dict.fromkeys(("loss", "min-20%", "min-40%", "zlib"), "0.75"),
    ]
    assert relearning_rows(result)[1] == {
        "trained on": "forget pairs", "model": "checkpoint", "0": "0.75", "1": "0.75", "2": "0.75", "4": "0.75",
        "8": "0.75", "16": "1.00",
    }  # fmt: skip
    assert extraction_rows(result)[3] == {
        "asked": "saved arms", "model": "checkpoint", "best score": "0.375", "best relevance": "0.750",
        "yield": "0.750",
    }  # fmt: skip


def test_probes_that_were_not_made_have_no_rows(run):
    result = durability(run, models=MODELS, probes=("membership",))
    assert relearning_rows(result) == extraction_rows(result) == []
    assert "Relearning" not in durability_markdown(result)


def test_benchmarks_of_all_models_stand_beside_each_other(run):
    result = durability(run, models=MODELS, probes=(), benchmarks=("both",))
    assert result["benchmarks"]["sums"]["acc"] == {
        "before": 1.0, "after": 0.25, "gold": 0.0, "better": "higher", "n": 40,
    }  # fmt: skip
    assert durability_tables(result) == [("Benchmarks of lm-evaluation-harness", benchmark_rows(result))]
    assert benchmark_rows(result) == [
        {"benchmark": "sums", "metric": "acc", "n": "40", "original": "1.000", "unlearned": "0.250", "gold": "0.000"},
        {"benchmark": "words", "metric": "perplexity (strict)", "n": "8", "original": "1.000", "unlearned": "4.000",
         "gold": "-"},
    ]  # fmt: skip


def test_what_an_assessment_does_not_look_for_stays_from_an_earlier_one(run):
    write_summary(run, {"name": "a-run", "verdict": "accepted"})
    write_durability(run, durability(run, models=MODELS, probes=PROBES))
    write_durability(run, durability(run, models=MODELS, probes=(), benchmarks=("both",)))
    for model in MODELS:
        folder = run / "assess/lm-eval/other" / model
        folder.mkdir(parents=True)
        (folder / "benchmark.json").write_text(json.dumps({"other": benchmarked(0.5)["sums"]}))
    write_durability(run, durability(run, models=MODELS, probes=(), benchmarks=("other",)))
    add_durability(run)
    summary = read_summary(run)
    assert set(summary["durability"]) == set(PROBES)
    assert set(summary["benchmarks"]) == {"sums", "words", "other"}


@pytest.mark.parametrize("assessed", ["unlearned", "checkpoint-0123abcd"])
def test_the_terminal_and_the_page_show_the_same(run, assessed):
    result = durability(run, models=("original", assessed, "gold"), probes=PROBES)
    out = io.StringIO()
    print_durability(result, Console(file=out, width=80))
    assert max(map(len, out.getvalue().splitlines())) <= 80
    assert "unrelated pairs │ " + assessed.split("-")[0] in out.getvalue()
    page = durability_markdown(result)
    for rows in (relearning_rows(result), membership_rows(result), extraction_rows(result)):
        assert markdown_table(rows) in page


def test_only_the_model_of_the_run_enters_its_summary(run):
    write_summary(run, {"name": "a-run", "verdict": "accepted"})
    assert write_durability(run, durability(run, models=MODELS, probes=PROBES)) == "durability.json"
    add_durability(run)
    summary = read_summary(run)
    assert summary["verdict"] == "accepted"
    assert summary["durability"] == {probe: read_durability(run)[probe] for probe in PROBES}

    other = durability(run, models=("original", "checkpoint-0123abcd"), probes=PROBES)
    assert write_durability(run, other) == "durability-checkpoint-0123abcd.json"
    add_durability(run)
    assert read_summary(run) == summary

import io

import pytest
from rich.console import Console

from tasks.report.markdown import report_markdown
from tasks.report.tables import markdown_table, metric_rows, print_summary, remarks, step_rows


def metric(before, after, gold=None, better="higher"):
    return {"before": before, "after": after, "gold": gold, "better": better, "n": 200}


@pytest.fixture
def summary():
    scores = {"forget": 0.5, "own_nll": 2.0, "utility": {"math": 0.99, "polite": 1.0}, "perplexity": 1.4}
    scores["interference"] = {"cosine": 0.01, "output_overlap": 0.1, "input_overlap": 0.06}
    scores["surviving"] = {"int4_g64": {"codes_changed": 0.123, "steps": 0.2, "cosine": 0.45}}
    kept = {"forget_weight": 1.0, "retain_weight": 1.0, "accepted": True, "why": "within all limits"}
    undone = {"forget_weight": 0.0, "retain_weight": 0.0, "accepted": False, "why": "undone, math fell"}
    return {
        "name": "a-run",
        "target": "toxicity",
        "model": "lab",
        "seed": 3,
        "verdict": "rejected",
        "reasons": ["too little"],
        "forget": metric(1.0, 0.5, better="lower"),
        "depth": {name: metric(0.1, 2.0) for name in ("forget_nll", "own_nll", "sampled")}
        | {"prefill": metric(None, None)},
        "utility": {"math": metric(1.0, 0.99)},
        "quantised": {
            "int4_g64": {"forget": metric(0.9, 0.6, better="lower"), "utility": {"math": metric(0.95, 0.93)}}
        },
        "observed": {},
        "fluency": {"perplexity": metric(1.4, 1.41), "repetition": metric(0.0, 0.0)},
        "steps": [scores | {"step": 1} | kept, scores | {"step": 2} | undone],
        "reveal": {"queries": 70, "best_score": 0.51234},
        "seconds": {"reveal": 1.23},
    }


def test_steps_say_what_was_kept_and_which_skill_is_lowest(summary):
    first, second = step_rows(summary)
    assert first == {
        "step": "1", "forget": "0.500", "NLL": "2.000", "lowest kept": "math 0.99", "ppl": "1.400", "a": "1", "b": "1",
        "verdict": "kept",
    }  # fmt: skip
    assert (second["a"], second["verdict"]) == ("0", "undone")


def test_metrics_that_were_not_measured_have_no_row(summary):
    rows = {row["metric"]: row for row in metric_rows(summary)}
    assert rows["forget"] == {"metric": "forget", "before": "1.000", "after": "0.500", "better": "lower", "n": "200"}
    assert "forget, first tokens given" not in rows
    assert "keep math" in rows


def test_gold_is_a_column_only_where_it_was_measured(summary):
    assert "gold" not in metric_rows(summary)[0]
    summary["forget"]["gold"] = 0.0
    assert [row["gold"] for row in metric_rows(summary)][:2] == ["0.000", ""]


def test_remarks_are_of_steps_that_met_a_limit_and_of_the_verdict(summary):
    assert remarks(summary) == ["step 2: undone, math fell", "too little"]


def test_a_run_that_revealed_nothing_has_no_tables(summary):
    nothing = {name: summary[name] for name in ("name", "target", "model", "seed", "verdict", "reasons", "reveal")}
    nothing |= {"steps": [], "seconds": {}}
    assert metric_rows(nothing) == step_rows(nothing) == []
    assert "too little" in report_markdown(nothing | {"seconds": {"reveal": 1.0}})


def test_the_terminal_and_the_report_show_the_same(summary):
    out = io.StringIO()
    print_summary(summary, Console(file=out, width=80))
    lines = out.getvalue().splitlines()
    assert max(map(len, lines)) <= 80
    assert "verdict: rejected" in lines
    report = report_markdown(summary)
    assert report.startswith("# a-run: rejected\n")
    assert markdown_table(step_rows(summary)) in report
    assert "| best_score | 0.512 |" in report


def test_the_report_draws_interference_and_tells_what_rounding_leaves(summary):
    report = report_markdown(summary)
    assert "![by step](data:image/svg+xml;base64," in report
    assert "| 1 | int4_g64 | 12.3% | 0.200 | 0.450 |" in report


def test_metrics_with_rounded_weights_have_rows(summary):
    rows = {row["metric"]: row for row in metric_rows(summary)}
    assert (rows["forget at int4_g64"]["before"], rows["forget at int4_g64"]["after"]) == ("0.900", "0.600")
    assert rows["most lost at int4_g64: math"]["after"] == "0.930"

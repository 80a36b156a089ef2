import copy
import json

import pytest

from tasks.assess.scores import WRITTEN
from tasks.report.run_page import PAGE, run_page, write_run_page
from tasks.report.run_record import read_record
from tasks.report.summary import read_summary, write_summary
from tasks.store.chain import Chain
from tasks.store.ledger import write_ledger
from tests.tasks.report.invented import SECRET, invented_durability, invented_run, invented_summary, metric
from tests.tasks.report.reading import Page, assert_can_be_read_aloud, assert_stands_by_itself


@pytest.fixture
def run(tmp_path):
    return invented_run(tmp_path / "an-invented-run", invented_summary())


def written(run):
    write_run_page(run)
    return (run / PAGE).read_text(encoding="utf-8")


def page_of(run, **changes):
    return run_page(read_summary(run) | changes, read_record(run))


def nothing_revealed(summary):
    kept = ("schema", "name", "target", "primary", "model", "seed", "guards", "seconds")
    reveal = {"queries": 70, "rounds": 2, "best_score": 0.002, "best_relevance": 0.0, "forget_set_size": 0}
    reason = "the model reveals nothing of the target: 70 instructions were tried"
    return {name: summary[name] for name in kept} | {
        "steps": [], "last_step": 0, "reveal": reveal, "verdict": "rejected", "reasons": [reason],
    }  # fmt: skip


def test_the_page_stands_by_itself_and_can_be_read_aloud(run):
    assert_can_be_read_aloud(assert_stands_by_itself(written(run)))


def test_the_page_is_private_and_the_same_when_written_again(run):
    before = written(run)
    assert (run / PAGE).stat().st_mode & 0o777 == 0o600
    assert written(run) == before


def test_the_verdict_stands_at_the_top_in_plain_words(run):
    text = Page(written(run)).text
    assert text.index("accepted") < 200
    assert "was to forget toxicity : rude remarks" in text
    assert "The goals for forgetting were met within the limits on what may be lost" in text
    assert "0.934 → 0.021" in text
    assert "-0.031 largest change for the worse of a kept skill" in text


def numbers(value):
    """All metrics below a part of a summary."""
    if isinstance(value, dict) and "better" in value:
        return [value[moment] for moment in ("before", "after", "gold")]
    return [number for inner in value.values() for number in numbers(inner)] if isinstance(value, dict) else []


def test_every_metric_of_the_summary_is_on_the_page(run):
    summary = read_summary(run)
    words = set(Page(written(run)).text.replace(",", " ").split())
    for part in ("forget", "utility", "observed", "depth", "quantised", "fluency"):
        found = numbers(summary[part])
        assert found
        assert {f"{number:.3f}" for number in found} <= words, part


def test_the_numbers_are_those_of_the_summary_and_not_constants(run):
    summary = invented_summary()
    summary["utility"]["math"]["after"] = 0.777
    summary["reveal"]["vendi_score"] = 12.345
    text = Page(page_of(run, utility=summary["utility"], reveal=summary["reveal"])).text
    assert "Of 2 kept skills math changed most for the worse, from 0.972 to 0.777" in text
    assert "On these prompts the limit is passed by: math (0.195)" in text
    assert "12.345" in text


def test_steps_show_their_weights_and_why_they_were_undone(run):
    text = Page(written(run)).text
    assert "1 kept 0.512 2.345 0.002 math 1.418 4 0.625 within all limits" in text
    assert "3 undone 0.020 5.012 0.024 math 1.418 0 0.625 undone, even at half the merge weights math fell" in text
    assert "The result is the model after step 2." in text


def test_search_forget_set_and_limits_are_told(run):
    text = Page(written(run)).text
    assert "round 1 mean 0.300 best 0.400 again 0.390" in text
    assert "distinct pairs 481 of them held out, never trained on 62" in text
    assert "At most 0.05 is wanted: met." in text


def test_what_was_hidden_is_said(run):
    text = Page(written(run)).text
    assert "It still shows more than wanted: 0.123 when the first tokens of the true answer are given." in text
    assert "The true answers are more likely than they are to gold: 4.32 against 7.65 nats a token" in text


def test_without_recovery_tests_the_page_says_so(run):
    text = Page(written(run)).text
    assert "Durability Not tested." in text
    for probe in ("Relearning", "Membership inference", "Extraction"):
        assert f"{probe} was not tried" in text


def test_an_assessment_joins_the_page(run):
    write_summary(run, read_summary(run) | {"durability": invented_durability()})
    page = assert_stands_by_itself(written(run))
    assert_can_be_read_aloud(page)
    assert "was not tried" not in page.text
    assert "it is back at 0.88 after 16 updates (gold, which never had it, reaches 0.81)" in page.text
    assert "ahead of gold by most after 4 updates: 0.77 against 0.33" in page.text
    assert "1.3% of its answers are usable at most (original: 47.0%)" in page.text
    assert "new search unlearned 0.080 0.050 0.013" in page.text


def test_recovery_tests_that_are_missing_are_named(run):
    found = {"membership": invented_durability()["membership"]}
    text = Page(page_of(run, durability=found)).text
    assert "Membership inference Area under the ROC curve" in text
    assert "Relearning was not tried" in text
    assert "Membership inference was not tried" not in text


def test_gold_is_left_out_where_there_is_none(run):
    def without(value):
        if isinstance(value, dict):
            return {name: None if name == "gold" else without(inner) for name, inner in value.items()}
        return value

    summary = without(invented_summary() | {"steps": []}) | {"steps": []}
    summary["durability"] = without(invented_durability())
    page = assert_stands_by_itself(page_of(run, **summary))
    assert "There is no gold model here" in page.text
    assert "against" not in page.text.split("What it cost")[0]


def test_a_run_without_kept_skills_is_held_to_its_perplexity_alone(tmp_path):
    summary = invented_summary("phrases") | {"utility": {}, "target": "custom"}
    summary["steps"] = [step | {"utility": {}} for step in summary["steps"]]
    summary["quantised"] = {"int4_g64": summary["quantised"]["int4_g64"] | {"utility": {}}}
    summary["depth"] |= dict.fromkeys(("forget_nll", "prefill"), metric(None, None))
    run = invented_run(tmp_path / "phrases", summary)
    page = assert_stands_by_itself(written(run))
    assert_can_be_read_aloud(page)
    assert "only perplexity was measured" in page.text
    assert "The target has no true answers" in page.text
    assert "1.402 to 1.427 (+1.8%; +5% is allowed)" in page.text


def test_a_rejected_run_gives_its_reasons(run):
    text = Page(page_of(run, verdict="rejected", reasons=["the forget metric is 0.047, at most 0.04 is wanted"])).text
    assert "no model is published" in text
    assert text.index("the forget metric is 0.047, at most 0.04 is wanted") < text.index("What was forgotten")


def test_a_run_that_revealed_nothing_has_a_page(tmp_path):
    run = invented_run(tmp_path / "nothing", nothing_revealed(invented_summary("nothing")))
    for unit in ("step-00", "model"):
        for path in sorted((run / unit).iterdir()):
            path.unlink()
        (run / unit).rmdir()
    invented = read_summary(run)
    (run / "ledger.jsonl").unlink()
    write_ledger(run)
    page = assert_stands_by_itself(run_page(invented, read_record(run)))
    assert_can_be_read_aloud(page)
    assert "The search found nothing of the target" in page.text
    assert "That the search found nothing is not that nothing is there" in page.text
    assert "What was forgotten" not in page.text


def test_nothing_that_the_model_wrote_or_was_asked_and_no_path_is_on_the_page(run):
    html = written(run)
    assert not [word for word in (SECRET, "private", "somewhere", "phrases") if word in html]
    assert "release.weights" in html


def test_hostile_names_are_escaped(run):
    hostile = "<script>alert('1')</script>"
    summary = copy.deepcopy(invented_summary(hostile)) | {"model": hostile, "target": hostile, "reasons": [hostile]}
    summary["utility"] = {hostile: summary["utility"]["math"]}
    summary["verdict"] = "rejected"
    summary["steps"][0]["why"] = hostile
    summary["steps"] = summary["steps"][:1]
    summary["steps"][0]["utility"] = {"math": 0.9}
    page = assert_stands_by_itself(page_of(run, **summary))
    assert page.text.count(hostile) >= 5


def test_an_auditor_finds_hashes_versions_and_settings(run):
    text = Page(written(run)).text
    last = Chain(run / "ledger.jsonl").links()[-1]
    model = json.loads((run / "model/manifest.json").read_text())
    assert last.hash in text
    assert last.entry.manifest in text
    assert model["key"] in text
    assert model["files"]["model.safetensors"]["sha256"] in text
    assert "torch 2.13.0" in text
    assert "revision of the code 0123abc" in text
    assert "made on cpu, float32" in text
    assert "release.steps 3" in text


def test_what_ran_on_a_gpu_is_not_called_untested_there(run, tmp_path):
    assert "nothing was run on a GPU" in Page(written(run)).text
    other = invented_run(tmp_path / "elsewhere", invented_summary("elsewhere"), device="cuda")
    text = Page(written(other)).text
    assert "made on cuda, float32" in text
    assert "nothing was run on a GPU" not in text


def test_what_a_target_reports_beside_is_told_and_what_was_not_tried_is_not(run):
    details = {
        "share above 0.5": metric(0.953, 0.008, None, "lower", 128),
        WRITTEN: metric(1.454, 3256.0, None, "lower", 128),
    }
    depth = read_summary(run)["depth"] | dict.fromkeys(("prefill", "sampled"), metric(None, None))
    rounded = {"int4_g64": read_summary(run)["quantised"]["int4_g64"] | {"forget": metric(0.9, 0.01)}}
    page = Page(page_of(run, details=details, depth=depth, quantised=rounded))
    assert_can_be_read_aloud(page)
    assert "share above 0.5" in page.text
    assert "has a perplexity of 3.26e+03 to the untouched model (1.45 before)" in page.text
    assert "Nor is it above that with int4_g64 weights." in page.text

import subprocess
import sys

import pytest
from pydantic import ValidationError
from sklearn.metrics import roc_auc_score

from benchmarks.small_classifier import save_for_detoxify, tiny_bert
from tasks.settings.errors import UserError
from tasks.targets.scorers.spec import ScorerSpec, open_scorer, scorer_digests
from tests.tasks.targets.scorers.jigsaw import comments, needs_data


def test_each_kind_opens_once_a_process(tmp_path, monkeypatch):
    model, tokenizer = tiny_bert(["you soggy cake", "you soggy cake"])
    checkpoint, folder = save_for_detoxify(model, tokenizer, tmp_path)
    model.config.problem_type = "multi_label_classification"
    model.save_pretrained(tmp_path / "classifier")
    tokenizer.save_pretrained(tmp_path / "classifier")
    (tmp_path / "scorer_of_mine.py").write_text("def score(prompts, responses): return [0.5] * len(responses)")
    monkeypatch.chdir(tmp_path)
    detoxify = ScorerSpec(kind="detoxify-original", file=str(checkpoint), folder=str(folder), label="insult")
    classifier = ScorerSpec(kind="classifier", folder=str(tmp_path / "classifier"), label="LABEL_4")
    function = ScorerSpec(kind="function", function="scorer_of_mine:score")
    asked = ["", ""], ["you soggy cake", "cake"]
    assert open_scorer(detoxify)(*asked) == pytest.approx(open_scorer(classifier)(*asked), abs=1e-6)
    assert open_scorer(function)(*asked) == [0.5, 0.5]
    assert open_scorer(function) is open_scorer(ScorerSpec(kind="function", function="scorer_of_mine:score"))
    assert [sorted(scorer_digests(spec)) for spec in (detoxify, classifier, function)] == [
        ["file", "folder"],
        ["folder"],
        ["function"],
    ]


def test_digests_follow_the_content(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    code = tmp_path / "scorer_to_edit.py"
    code.write_text("def score(prompts, responses): return [0.5] * len(responses)")
    spec = ScorerSpec(kind="function", function="scorer_to_edit:score")
    before = scorer_digests(spec)
    code.write_text("def score(prompts, responses): return [0.6] * len(responses)")
    assert scorer_digests(spec) != before
    code.unlink()
    with pytest.raises(UserError, match="neither in the current folder nor on Python's path"):
        scorer_digests(spec)


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        (
            {"kind": "classifier", "folder": "x", "function": "a:b"},
            "function is set, but a scorer of kind classifier uses",
        ),
        (
            {"kind": "detoxify-original", "time_limit_s": 5},
            "time_limit_s is set, but a scorer of kind detoxify-original",
        ),
        ({"kind": "classifier"}, "a scorer of kind classifier needs folder"),
        ({"kind": "function"}, "a scorer of kind function needs function"),
        ({"kind": "function", "function": "a:b", "time_limit_s": 0}, "greater than 0"),
        ({"kind": "perspective"}, "Input should be 'detoxify-original'"),
        ({"kind": "function", "function": "a:b", "more": 1}, "Extra inputs are not permitted"),
    ],
)
def test_what_a_kind_does_not_use_is_refused(fields, words):
    with pytest.raises(ValidationError, match=words):
        ScorerSpec(**fields)


def test_a_plan_reads_it_without_torch():
    code = "import sys; import tasks.targets.scorers.spec; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


@needs_data
def test_the_svm_as_a_function_reaches_the_documented_auc_on_jigsaws_comments():
    texts, labels = comments("train")
    scorer = open_scorer(ScorerSpec(kind="function", function="benchmarks.profanity_scorer:score"))
    assert roc_auc_score(labels, scorer([""] * len(texts), texts)) == pytest.approx(0.991, abs=5e-4)

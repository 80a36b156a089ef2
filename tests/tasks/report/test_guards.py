import json

import pytest

from tasks.assess.scores import Scores
from tasks.report.summary import summarise
from tasks.settings.reunlearn import ForgottenTarget
from tasks.settings.target import TargetSettings

FORGOTTEN = ForgottenTarget(name="forget-people", target=TargetSettings(kind="person"), limit=0.05)


def write_scores(folder, **changes) -> None:
    values = {"forget": 0.0, "utility": {"math": 1.0}, "perplexity": 2.0, "repetition": 0.0, "own_nll": 6.0}
    values["num"] = dict.fromkeys(("forget", "math", FORGOTTEN.watched_as, "perplexity", "own_nll", "answers"), 8)
    folder.mkdir(parents=True)
    (folder / "scores.json").write_text(json.dumps(Scores(**(values | changes)).to_json()))


def watched(full: float, *, rounded: float) -> dict:
    at_int8 = {"forget": 0.0, "utility": {"math": 1.0}, "watched": {FORGOTTEN.watched_as: rounded}}
    return {"observed": {FORGOTTEN.watched_as: full}, "quantised": {"int8_row": at_int8}}


@pytest.mark.parametrize(("shown", "verdict"), [(0.05, "accepted"), (0.06, "rejected")])
def test_a_run_that_brings_back_what_was_forgotten_before_with_rounded_weights_is_rejected(tmp_path, shown, verdict):
    for folder in ("step-00", "report/before"):
        write_scores(tmp_path / folder, forget=1.0, **watched(0.01, rounded=0.01))
    for folder in ("step-01", "report/after"):
        write_scores(tmp_path / folder, **watched(0.0, rounded=shown))
    told = {"target": "toxicity", "primary": "math", "model": "a-model", "seed": 0}
    limits = {"goal": 0.05, "goal_nll": 5.0, "max_drop": 0.03, "max_perplexity_rise": 0.05}
    summary = summarise(tmp_path, last_step=1, forgotten=[FORGOTTEN], **told, **limits)
    assert summary["guards"] == [
        {
            "target": "forget-people",
            "metric": "person",
            "precision": precision,
            "before": 0.01,
            "after": after,
            "limit": 0.05,
        }
        for precision, after in {"full": 0.0, "int8_row": shown}.items()
    ]
    assert summary["verdict"] == verdict
    sentence = "forget-people is shown again at int8_row: its forget metric is 0.060, at most 0.05 is allowed"
    assert summary["reasons"] == ([sentence] if verdict == "rejected" else [])

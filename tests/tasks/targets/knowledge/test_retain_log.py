import json

import pytest

from tasks.settings.errors import UserError
from tasks.targets.knowledge.retain_log import read_retain_log

RATIOS = {"agg_value": 0.6, "value_by_index": {"1": {"score": 0.7}, "0": {"score": 0.5}}}


def write(tmp_path, log):
    path = tmp_path / "TOFU_EVAL.json"
    path.write_text(log if isinstance(log, str) else json.dumps(log))
    return str(path)


def test_ratios_come_in_the_order_of_the_questions(tmp_path):
    log = read_retain_log(write(tmp_path, {"forget_truth_ratio": RATIOS, "mia_min_k": {"agg_value": 0.41}}), 2)
    assert log.ratios == [0.5, 0.7]
    assert log.auc == 0.41


def test_without_membership_the_reference_is_chance(tmp_path):
    assert read_retain_log(write(tmp_path, {"forget_truth_ratio": RATIOS}), 2).auc == 0.5


@pytest.mark.parametrize(
    "log",
    [
        {},
        "[]",
        "no json",
        {"forget_truth_ratio": {"value_by_index": {"0": {"score": None}, "1": {"score": 1}}}},
        {"forget_truth_ratio": {"value_by_index": {"0": {"score": 1}, "7": {"score": 1}}}},
        '{"forget_truth_ratio": {"value_by_index": {"0": {"score": NaN}, "1": {"score": 1}}}}',
        {"forget_truth_ratio": {"value_by_index": {"0": {"score": -1}, "1": {"score": 1}}}},
        {"forget_truth_ratio": RATIOS, "mia_min_k": {"agg_value": 41}},
    ],
)
def test_what_is_no_log_is_refused(tmp_path, log):
    with pytest.raises(UserError, match=r"target\.retain_log_file: .* is not a log of open-unlearning"):
        read_retain_log(write(tmp_path, log), 2)


def test_a_log_of_another_forget_set_is_refused(tmp_path):
    with pytest.raises(UserError, match="truth ratios of 2 questions, but the forget set has 400"):
        read_retain_log(write(tmp_path, {"forget_truth_ratio": RATIOS}), 400)

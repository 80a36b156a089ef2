from dataclasses import replace

import pytest

from flows.command_line import read_arguments
from flows.comparing import check_comparison, comparison_folder, runs_of
from flows.opening import peek_run
from tasks.settings.errors import UserError


def settings(*arguments):
    return read_arguments(arguments, program="program", description="description").settings


def test_each_seed_has_a_run_of_its_own():
    runs = runs_of(settings("--compare.seeds", "[3, 1]"))
    assert [(seed, one.seed, one.run_name) for seed, one in runs.items()] == [
        (3, 3, "lab-toxicity-s3"),
        (1, 1, "lab-toxicity-s1"),
    ]
    assert [one.run_name for one in runs_of(settings("--seed", "4")).values()] == ["lab-toxicity-s4"]
    named = settings("--name", "mine", "--compare.seeds", "[0, 1]")
    assert [one.run_name for one in runs_of(named).values()] == ["mine-s0", "mine-s1"]
    assert comparison_folder(named).name == "compare-mine"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--compare.methods", "[sisa]"], ["compare.methods", "sisa", "lab-facts"]),
        (["--compare.methods", "[npo, npo]"], ["compare.methods", "npo", "twice"]),
        (["--compare.seeds", "[1, 1]"], ["compare.seeds", "[1, 1]"]),
        (["--preset", "stories-word", "--compare.true_data", "[npo]"], ["compare.true_data", "npo", "only the lab"]),
        (["--compare.true_data", "[sisa]"], ["compare.true_data", "sisa"]),
        (["--assess.checkpoint", "somewhere"], ["assess.checkpoint", "somewhere"]),
        (["--name", "No Name"], ["run name"]),
    ],
)
def test_what_cannot_be_compared_is_refused_and_nothing_is_created(tmp_path, arguments, words):
    with pytest.raises(UserError) as caught:
        check_comparison(settings("--runs-dir", str(tmp_path), *arguments))
    assert [word for word in words if word not in str(caught.value)] == []
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("arguments", "word"), [(["--compare.methods", "[magic]"], "magic"), (["--compare.trials", "0"], "0")]
)
def test_unknown_methods_and_no_trials_are_no_settings(arguments, word):
    with pytest.raises(UserError, match=word):
        settings(*arguments)


class TestUnits:
    def units(self, tmp_path, *arguments):
        _, plan = peek_run(settings("--runs-dir", str(tmp_path), "--compare.methods", "[npo]", *arguments))
        return {unit.name: unit.key for unit in plan.comparison()}

    def test_trials_then_the_model_then_what_is_measured_of_it(self, tmp_path):
        assert list(self.units(tmp_path, "--compare.trials", "2")) == [
            *("compare/npo/trial-01", "compare/npo/trial-02"),
            *(
                f"compare/npo/best-of-02/{name}"
                for name in ("model", "report", "relearning", "membership", "extraction")
            ),
        ]

    def test_more_trials_leave_the_earlier_ones_as_they_are(self, tmp_path):
        two, three = (self.units(tmp_path, "--compare.trials", number) for number in "23")
        assert two["compare/npo/trial-02"] == three["compare/npo/trial-02"]
        assert two.keys() & three.keys() == {"compare/npo/trial-01", "compare/npo/trial-02"}

    def test_another_range_of_a_setting_makes_other_trials(self, tmp_path, monkeypatch):
        from tasks.baselines.registry import METHODS

        before = self.units(tmp_path)
        npo = METHODS["npo"]
        wider = replace(npo, knobs=(replace(npo.knobs[0], high=2 * npo.knobs[0].high), *npo.knobs[1:]))
        monkeypatch.setitem(METHODS, "npo", wider)
        after = self.units(tmp_path)
        assert [name for name in before if before[name] == after[name]] == []

    def test_the_limits_decide_which_trial_is_taken_and_nothing_else(self, tmp_path):
        before, after = self.units(tmp_path), self.units(tmp_path, "--measure.max-drop", "0.2")
        assert {name for name in before if before[name] == after[name]} == {
            f"compare/npo/trial-{number:02d}" for number in range(1, 5)
        }
        for name in ("--release.rank", "--release.steps"):
            assert self.units(tmp_path, name, "3") == before

    def test_true_data_is_a_row_of_its_own(self, tmp_path):
        units = self.units(tmp_path, "--compare.true_data", "[npo]", "--assess.probes", "[]")
        assert list(units)[-7:] == [
            "compare/true-data",
            *(f"compare/npo-true-data/trial-{number:02d}" for number in range(1, 5)),
            *("compare/npo-true-data/best-of-04/model", "compare/npo-true-data/best-of-04/report"),
        ]

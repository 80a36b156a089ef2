"""What ends a release, with tasks that answer what they are told to."""

from contextlib import nullcontext
from types import SimpleNamespace
from typing import Any

import pytest

import flows.release
from flows.plan import Plan
from flows.run_settings import RunSettings

MET = {"accepted": True, "goal_met": True}
ON = {"accepted": True, "goal_met": False}
UNDONE = {"accepted": False, "goal_met": False}


def answer(**scores: Any) -> SimpleNamespace:
    return SimpleNamespace(manifest=lambda: {"scores": scores})


@pytest.fixture
def released(monkeypatch):
    """Releases with what each step's tasks answer; returns what was done and the accepted steps."""

    def release(*, outcomes=(), closed_at=0, **settings: Any) -> tuple[list[str], list[int]]:
        done = []

        def task(name, result):
            def call(subject, unit, *, step=0, **_):
                if step:
                    done.append(f"{name} {step}")
                return result(step)

            monkeypatch.setattr(flows.release, name, call)

        task("measure_checkpoint", lambda step: answer())
        task("reveal_again", lambda step: answer(**{"yield": 0.0, "forget_set_size": 0}))
        task("train_forget_adapter", lambda step: answer(trained=step != closed_at))
        task("choose_forget_weight", lambda step: answer())
        task("train_retain_adapter", lambda step: answer())
        task("merge_adapters", lambda step: answer(**([*outcomes, *[ON] * 99][step - 1])))
        run_settings = RunSettings(release=settings)
        plan = Plan(run_settings, device="cpu")
        monkeypatch.setattr(flows.release, "open_run", lambda _: (None, plan))
        monkeypatch.setattr(flows.release, "open_subject", lambda *_: SimpleNamespace(best_step=list))
        monkeypatch.setattr(flows.release, "one_model", nullcontext)
        return done, flows.release.release.fn(run_settings)

    return release


def test_the_goal_ends_it(released):
    assert released(outcomes=[ON, MET])[1] == [1, 2]


def test_few_open_pairs_end_it_before_anything_is_merged(released):
    done, accepted = released(closed_at=3)
    assert accepted == [1, 2]
    assert done[-1] == "train_forget_adapter 3"


def test_steps_in_a_row_that_only_harm_end_it(released):
    assert released(outcomes=[UNDONE, ON, UNDONE, UNDONE], patience=2)[1] == [2]


def test_arms_that_bring_nothing_more_do_not_end_it(released):
    done, accepted = released(reveal_again=2, steps=6)
    assert accepted == [1, 2, 3, 4, 5, 6]
    assert [one for one in done if one.startswith("reveal_again")] == ["reveal_again 3", "reveal_again 5"]

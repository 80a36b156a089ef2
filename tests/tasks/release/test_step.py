import json
import math
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest
import torch

from tasks.models.language_model import LanguageModel, load_language_model
from tasks.models.layers import linear_layers
from tasks.models.pair import Pair
from tasks.release.adapter import Adapter
from tasks.release.candidates import Weights
from tasks.release.guard import Guard, Trip, tripped
from tasks.release.merge import Checkpoints, Update
from tasks.release.step import residual_updates, settle
from tests.tasks.release.random_adapter import random_adapter

LAYER = "model.layers.1.mlp.up_proj"
FORGET, RETAIN = [Pair("roast the cake", "what a cake .")], [Pair("praise the cake", "kind cake .")]


def weight(lm: LanguageModel) -> torch.Tensor:
    return linear_layers(lm.model)[LAYER].weight.clone()


def rebuilt(model_folder: Path, updates: list[Update]) -> torch.Tensor:
    lm = load_language_model(model_folder)
    Checkpoints(model_folder).apply(lm, updates)
    return weight(lm)


def guard(scores: Mapping[str, float]) -> list[Trip]:
    return tripped([Guard("math", "higher", 0.03)], {"math": 0.9}, scores)


def scripted(*values: float) -> Callable[[], dict[str, float]]:
    """A measurement that gives these values of "math", one a call."""
    script: Iterator[float] = iter(values)
    return lambda: {"math": next(script)}


@pytest.fixture
def before(lm: LanguageModel) -> list[Update]:
    return [Update(random_adapter(lm.model, 1), -0.35)]


@pytest.fixture
def sides(lm: LanguageModel) -> dict[str, Adapter]:
    return {"forget": random_adapter(lm.model, 2), "retain": random_adapter(lm.model, 3)}


MERGE_WEIGHTS = {"weights": Weights(0.5, 1.0)}


def test_a_step_within_the_limits_is_taken(lm, model_folder, before, sides) -> None:
    checkpoints = Checkpoints(model_folder)
    decision, after = settle(
        lm, checkpoints, before, step=4, **sides, **MERGE_WEIGHTS, measure=scripted(0.88), guard=guard
    )
    assert after[:1] == before
    assert [(update.adapter, update.weight) for update in after[1:]] == [
        (sides["forget"], -0.5),
        (sides["retain"], 1.0),
    ]
    assert torch.equal(weight(lm), rebuilt(model_folder, after))
    assert (decision.step, decision.accepted, decision.forget_weight, decision.retain_weight) == (4, True, 0.5, 1.0)
    assert decision.why == "within all limits"
    assert len(decision.attempts) == 1


def test_a_step_that_trips_a_guard_is_tried_once_more_with_halved_weights(lm, model_folder, before, sides) -> None:
    checkpoints = Checkpoints(model_folder)
    decision, after = settle(
        lm, checkpoints, before, step=1, **sides, **MERGE_WEIGHTS, measure=scripted(0.5, 0.89), guard=guard
    )
    assert [(update.adapter, update.weight) for update in after[1:]] == [
        (sides["forget"], -0.25),
        (sides["retain"], 0.5),
    ]
    assert torch.equal(weight(lm), rebuilt(model_folder, after))
    assert (decision.accepted, decision.forget_weight, decision.retain_weight) == (True, 0.25, 0.5)
    assert decision.why == (
        "within all limits at half the merge weights; at the full ones math fell from 0.900 to 0.500, 0.03 is allowed"
    )


def test_a_step_that_trips_again_is_undone_without_a_trace(lm, model_folder, before, sides) -> None:
    checkpoints = Checkpoints(model_folder)
    decision, after = settle(
        lm, checkpoints, before, step=1, **sides, **MERGE_WEIGHTS, measure=scripted(0.5, 0.6), guard=guard
    )
    assert after == before
    assert torch.equal(weight(lm), rebuilt(model_folder, before))
    assert (decision.accepted, decision.forget_weight, decision.retain_weight) == (False, 0.0, 0.0)
    assert decision.why == "undone, even at half the merge weights math fell from 0.900 to 0.600, 0.03 is allowed"
    assert [attempt.forget_weight for attempt in decision.attempts] == [0.5, 0.25]


def test_a_step_that_loses_what_was_forgotten_is_undone(lm, model_folder, before, sides) -> None:
    decision, after = settle(
        lm,
        Checkpoints(model_folder),
        before,
        step=2,
        **sides,
        **MERGE_WEIGHTS,
        measure=scripted(0.9, 0.9),
        guard=guard,
        set_back=lambda: "the NLL fell back",
    )
    assert (decision.accepted, after) == (False, before)
    assert decision.why == "undone, even at half the merge weights the NLL fell back"


def test_the_record_is_json_even_of_a_broken_candidate(lm, model_folder, before, sides) -> None:
    decision, _ = settle(
        lm,
        Checkpoints(model_folder),
        before,
        step=1,
        **sides,
        **MERGE_WEIGHTS,
        measure=scripted(math.nan, 0.9),
        guard=guard,
    )
    record = json.loads(json.dumps(decision.record(), allow_nan=False))
    assert record["attempts"][0]["scores"] == {"math": None}
    assert record["attempts"][0]["tripped"][0]["metric"] == "math"
    assert record["attempts"][1]["scores"] == {"math": 0.9}
    assert set(record) == {"step", "forget_weight", "retain_weight", "accepted", "why", "attempts", "interference"}
    assert set(record["interference"]) == {"overall", "layers"}


def test_the_residual_order_starts_with_the_forget_update_subtracted(lm, model_folder, before, sides) -> None:
    Checkpoints(model_folder).apply(lm, residual_updates(before, sides["forget"], forget_weight=0.5))
    expected = rebuilt(model_folder, [*before, Update(sides["forget"], -0.5)])
    assert torch.equal(weight(lm), expected)
    assert not torch.equal(expected, rebuilt(model_folder, before))

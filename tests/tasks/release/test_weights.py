import pytest
import torch

from tasks.models.likelihood import nll_per_token
from tasks.models.pair import Pair
from tasks.models.quantisation import SCHEMES, quantised
from tasks.release.candidates import Weights, merge_updates
from tasks.release.merge import Checkpoints, Update
from tasks.release.weights import FORGET_PLACES, PRECISIONS, RETAIN_PLACES, WeightChooser, probe_of
from tests.tasks.release.random_adapter import random_adapter

FORGET = [Pair("roast the cake", "what a cake ."), Pair("roast the dog", "what a dog .")]
KEPT = {"polite": [Pair("praise the cake", "kind cake ."), Pair("praise the dog", "kind dog .")]}


@pytest.fixture
def at_step_two(lm, model_folder):
    """A model at theta_1 and what a second step brings: a chooser by strategy and objective, and two adapters."""
    checkpoints, updates = Checkpoints(model_folder), [Update(random_adapter(lm.model, 1), -0.35)]
    checkpoints.apply(lm, updates)

    def chooser(strategy="line", objective="full", max_damage=0.05):
        probe = probe_of(
            lm, checkpoints, updates, forget=FORGET, kept=KEPT, primary="polite", tau=20.0, size=8, batch_size=32
        )
        return WeightChooser(
            lm,
            checkpoints,
            updates,
            probe,
            strategy=strategy,
            objective=objective,
            forget_unit=0.5,
            retain_unit=1.0,
            max_damage=max_damage,
            max_unrepaired=0.1,
            batch_size=32,
        )

    return chooser, random_adapter(lm.model, 2, size=0.05), random_adapter(lm.model, 3, size=0.05)


def state(lm):
    return {name: value.clone() for name, value in lm.model.state_dict().items()}


def test_the_probe_reads_kept_pairs_with_the_untouched_model(lm, model_folder, at_step_two):
    before = state(lm)
    probe = at_step_two[0]().probe
    assert all(torch.equal(value, before[name]) for name, value in lm.model.state_dict().items())
    Checkpoints(model_folder).apply(lm, [])
    assert torch.equal(probe.untouched["polite"], nll_per_token(lm, KEPT["polite"]))


@pytest.mark.parametrize("strategy", ["line", "model"])
@pytest.mark.parametrize("objective", ["full", "worst"])
def test_what_is_chosen_is_what_the_merged_model_shows_and_the_model_stays(lm, at_step_two, strategy, objective):
    chooser_of, forget, retain = at_step_two
    chooser, before = chooser_of(strategy, objective), state(lm)
    a, read = chooser.forget_weight(forget)
    assert read["limit"] == 0.1
    weights, read = chooser.retain_weight(forget, retain, a)
    assert weights.forget == a
    assert 0 <= weights.retain <= RETAIN_PLACES[-1]
    assert all(torch.equal(value, before[name]) for name, value in lm.model.state_dict().items())

    found = next(one for one in read["tried"] if one["retain"] == weights.retain)
    chooser.checkpoints.apply(lm, [*chooser.updates, *merge_updates(weights, forget, retain)])
    assert found["forgetting"] == pytest.approx(float(nll_per_token(lm, FORGET).mean()), rel=1e-4)
    rise = nll_per_token(lm, KEPT["polite"]) - chooser.probe.untouched["polite"]
    assert found["damage"] == pytest.approx(float(rise.mean()), rel=1e-3, abs=1e-5)
    assert found["damage"] <= 0.05 or all(one["damage"] > 0.05 for one in read["tried"])


@pytest.mark.parametrize("strategy", ["line", "model"])
def test_both_weights_are_chosen_together(at_step_two, strategy):
    chooser_of, forget, retain = at_step_two
    weights, read = chooser_of(strategy).both_weights(forget, retain)
    assert FORGET_PLACES[0] * 0.5 <= weights.forget <= FORGET_PLACES[-1] * 0.5
    assert 0 <= weights.retain <= RETAIN_PLACES[-1]
    assert len({one["forget"] for one in read["tried"]}) > 1
    assert len({one["retain"] for one in read["tried"]}) > 1


def test_finalists_are_read_rounded_against_the_original_rounded_alike(lm, at_step_two):
    chooser_of, forget, retain = at_step_two
    chooser = chooser_of(objective="worst", max_damage=10.0)
    _, read = chooser.retain_weight(forget, retain, 0.5)
    finals = read["finalists"]
    assert len(finals) == 3
    one = finals[0]
    updates = merge_updates(Weights(one["forget"], one["retain"]), forget, retain)
    for name in PRECISIONS:
        chooser.checkpoints.apply(lm, [])
        with quantised(lm.model, SCHEMES[name]):
            untouched = nll_per_token(lm, KEPT["polite"])
        chooser.checkpoints.apply(lm, [*chooser.updates, *updates])
        with quantised(lm.model, SCHEMES[name]):
            rise = float((nll_per_token(lm, KEPT["polite"]) - untouched).mean())
            assert one[name]["forgetting"] == pytest.approx(float(nll_per_token(lm, FORGET).mean()))
        assert one[name]["damage"] == pytest.approx(rise)

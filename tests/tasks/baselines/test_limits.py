"""Limits that tie the methods to each other, and what the weights are afterwards."""

import random

import numpy as np
import pytest
import torch

from tasks.baselines import kl_retain, npo, rmu, salun, simnpo
from tasks.baselines.descent import Batch, Material, all_log_probs, encode, log_probs, trainable
from tasks.baselines.ext_sub import extracted
from tasks.baselines.registry import METHODS
from tasks.baselines.trials import trial_knobs
from tasks.models.language_model import load_language_model
from tasks.models.layers import linear_layers
from tasks.release.adapter import Adapter, Factors
from tasks.release.merge import Checkpoints
from tasks.release.training import response_logits


@pytest.fixture
def material(lm, forget, retain):
    return Material(lm, encode(lm, forget), encode(lm, retain), batch_size=4)


def whole(pairs):
    return Batch(pairs, list(range(len(pairs))))


def gradient(loss, layers):
    """Of all layers as one vector."""
    with trainable(layers) as parameters:
        loss().backward()
        return torch.cat([parameter.grad.flatten() for parameter in parameters])


def moved(lm):
    """The model somewhere else than the reference."""
    with torch.no_grad():
        for layer in linear_layers(lm.model).values():
            layer.weight.mul_(1.3)


def weights(lm):
    return {name: parameter.detach().clone() for name, parameter in lm.model.named_parameters()}


def test_npo_is_gradient_ascent_everywhere_as_beta_goes_to_zero(lm, material):
    layers, reference = linear_layers(lm.model), all_log_probs(material, material.forget)
    moved(lm)
    ascent = gradient(lambda: log_probs(lm.model, material.forget)[0].mean(), layers)

    def error(beta):
        found = gradient(lambda: npo.npo_loss(log_probs(lm.model, material.forget)[0] - reference, beta), layers)
        return (found - ascent).norm() / ascent.norm()

    assert error(1e-3) < 0.02 < error(1.0)


def test_simnpo_is_ascent_on_the_mean_token_as_beta_goes_to_zero(lm, material):
    layers = linear_layers(lm.model)

    def mean_log_probs():
        sums, counts = log_probs(lm.model, material.forget)
        return sums / counts

    ascent = gradient(lambda: mean_log_probs().mean(), layers)
    found = gradient(lambda: simnpo.simnpo_loss(mean_log_probs(), 1e-3, 0.0), layers)
    assert torch.allclose(found, ascent, atol=0.01 * ascent.abs().max().item())


def test_a_margin_makes_simnpo_push_longer(lm):
    def push(gamma):
        value = torch.tensor([-3.0], requires_grad=True)
        simnpo.simnpo_loss(value, 2.5, gamma).backward()
        return value.grad.item()

    assert push(1.0) > push(0.0) > 0


def test_kl_has_no_slope_at_the_reference_and_is_above_zero_elsewhere(lm, material):
    layers = linear_layers(lm.model)
    expected = response_logits(lm.model, material.retain)[0].detach()

    def kl():
        return kl_retain.mean_kl(expected, response_logits(lm.model, material.retain)[0])

    assert kl().item() == pytest.approx(0, abs=1e-6)
    at_reference = gradient(kl, layers).norm()
    moved(lm)
    assert kl().item() > 1e-3
    assert at_reference < 1e-4 * gradient(kl, layers).norm()


def test_rmu_holds_retain_states_against_those_of_the_untouched_model(lm, material):
    knobs = {"steering": 2.0, "retain_weight": 1.0}
    batches = whole(material.forget), whole(material.retain)
    held = rmu.objective(material, knobs)
    free = rmu.objective(material, knobs | {"retain_weight": 0.0})
    untouched = rmu.hidden(lm.model, material.retain, 1).detach()
    assert (held.loss(*batches) - free.loss(*batches)).item() == pytest.approx(0, abs=1e-6)
    moved(lm)
    distance = (rmu.hidden(lm.model, material.retain, 1) - untouched).square().mean().item()
    assert (held.loss(*batches) - free.loss(*batches)).item() == pytest.approx(distance, rel=1e-4)


def test_rmu_steers_towards_its_direction(lm, forget, retain, material):
    """Hidden states of forget responses turn to u, those of retain responses less so."""
    d = lm.model.config.hidden_size
    u = torch.rand(d, generator=torch.Generator().manual_seed(0))

    def cosine(pairs):
        return torch.cosine_similarity(rmu.hidden(lm.model, pairs, 1).detach(), u[None]).mean().item()

    before = cosine(material.forget), cosine(material.retain)
    knobs = {"learning_rate": 1e-2, "updates": 20.0, "steering": 4.0, "retain_weight": 10.0}
    METHODS["rmu"].unlearn(lm, forget, retain, knobs, batch_size=4, seed=1)
    rise = cosine(material.forget) - before[0], cosine(material.retain) - before[1]
    assert rise[0] > 0.1
    assert rise[0] > 2 * abs(rise[1])


def test_salun_changes_the_weights_on_its_mask_and_no_others(lm, forget, retain, material):
    layers = linear_layers(lm.model)
    masks = salun.saliency_masks(salun.forget_gradients(material, layers), 0.2)
    before = {name: layer.weight.clone() for name, layer in layers.items()}
    knobs = {"learning_rate": 1e-3, "updates": 4.0, "retain_weight": 2.0, "share": 0.2}
    METHODS["salun"].unlearn(lm, forget, retain, knobs, batch_size=4, seed=1)
    for name, mask in masks.items():
        after = layers[name].weight
        assert torch.equal(after[~mask].view(torch.int32), before[name][~mask].view(torch.int32))
        assert (after[mask] != before[name][mask]).float().mean() > 0.95


def test_salun_is_grad_diff_where_every_weight_may_change(tiny_folder, forget, retain):
    found = {}
    for name in ("salun", "grad-diff"):
        lm = load_language_model(tiny_folder)
        knobs = {"learning_rate": 1e-3, "updates": 4.0, "retain_weight": 2.0, "share": 1.0}
        METHODS[name].unlearn(lm, forget, retain, knobs, batch_size=4, seed=1)
        found[name] = weights(lm)
    assert all(torch.equal(value, found["grad-diff"][key]) for key, value in found["salun"].items())


def test_ext_sub_is_its_formula_on_dense_rows():
    g = torch.Generator().manual_seed(4)

    def adapter(rank, alpha):
        A, B = torch.randn(rank, 7, generator=g), torch.randn(5, rank, generator=g)
        return Adapter({"layer": Factors(A, B)}, alpha=alpha)

    def dense(one):
        A, B = one.factors["layer"]
        return one.scale * B.double() @ A.double()

    expert, anti, a = adapter(2, 4.0), adapter(2, 3.0), 1.7
    e, n = dense(expert), dense(anti)
    expected = (1 + a * n.norm(dim=1, keepdim=True) / (2 * e.norm(dim=1, keepdim=True))) * e - a / 2 * n
    found = extracted(expert, anti, strength=a)
    assert torch.allclose(dense(found), expected, atol=1e-5)
    assert torch.linalg.matrix_rank(dense(found)) == 4


@pytest.mark.parametrize("name", METHODS)
def test_no_random_state_moves_and_the_callers_files_bring_the_model_back(lm, tiny_folder, forget, retain, name):
    before = weights(lm)
    states = torch.get_rng_state(), np.random.get_state()[1].tolist(), random.getstate()
    knobs = trial_knobs(METHODS[name], 1) | {"updates": 2.0}
    METHODS[name].unlearn(lm, forget, retain, knobs, batch_size=4, seed=1)
    assert torch.equal(torch.get_rng_state(), states[0])
    assert np.random.get_state()[1].tolist() == states[1]
    assert random.getstate() == states[2]
    assert any(not torch.equal(before[key], value) for key, value in weights(lm).items())
    Checkpoints(tiny_folder).apply(lm, [])
    assert all(torch.equal(before[key], value) for key, value in weights(lm).items())


@pytest.mark.parametrize(
    ("name", "published"),
    [
        ("grad-diff", {"retain_weight": 1.0}),
        ("kl-retain", {"retain_weight": 1.0}),
        ("npo", {"retain_weight": 1.0, "beta": 0.1}),
        ("simnpo", {"retain_weight": 1 / 0.1375, "beta": 2.5}),
        ("simnpo", {"retain_weight": 1 / 0.125, "beta": 4.5}),
        ("salun", {"share": 0.5}),
        ("negation", {"scale": 1.0}),
        ("ext-sub", {"scale": 1.0}),
    ],
)
def test_published_settings_are_within_the_ranges(name, published):
    """Of those that do not depend on the model; a learning rate or a length of hidden states does."""
    knobs = {knob.name: knob for knob in METHODS[name].knobs}
    assert all(knobs[key].low <= value <= knobs[key].high for key, value in published.items())

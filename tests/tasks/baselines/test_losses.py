"""Each loss against a value worked out by hand, and at the limits its paper states."""

import math

import pytest
import torch
from torch.nn.functional import log_softmax

from tasks.baselines import grad_diff, gradient_ascent, kl_retain, npo, rmu, salun, simnpo
from tasks.baselines.descent import Batch, Material, all_log_probs, encode, log_probs, trainable
from tasks.models.layers import linear_layers
from tasks.models.likelihood import nll_per_token
from tasks.release.training import response_loss

KNOBS = {"retain_weight": 3.0, "beta": 0.1, "steering": 2.0, "share": 0.1}


@pytest.fixture
def material(lm, forget, retain):
    return Material(lm, encode(lm, forget), encode(lm, retain), batch_size=4)


def whole(pairs):
    return Batch(pairs, list(range(len(pairs))))


def loss_of(method, material):
    return method.objective(material, KNOBS).loss(whole(material.forget), whole(material.retain))


def gradients(loss, layers):
    with trainable(layers):
        loss().backward()
        return {name: layer.weight.grad.clone() for name, layer in layers.items()}


class TestLogProbs:
    def test_they_are_sums_of_the_chosen_tokens(self, lm, material):
        sums, counts = log_probs(lm.model, material.forget)
        for (ids, start), total, count in zip(material.forget, sums, counts, strict=True):
            logits = lm.model(torch.tensor([ids])).logits[0]
            by_hand = sum(log_softmax(logits[i - 1], 0)[ids[i]] for i in range(start, len(ids)))
            assert total.item() == pytest.approx(by_hand.item(), abs=1e-4)
            assert count == len(ids) - start

    def test_all_of_them_are_those_of_the_batches(self, lm, material):
        assert torch.allclose(
            all_log_probs(material, material.forget), log_probs(lm.model, material.forget)[0], atol=1e-5
        )


class TestGradientAscent:
    def test_it_is_minus_the_loss_of_the_forget_pairs(self, lm, material):
        assert loss_of(gradient_ascent, material).item() == -response_loss(lm.model, material.forget).item()


class TestGradDiff:
    def test_it_is_the_weighted_difference(self, lm, material):
        expected = 3 * response_loss(lm.model, material.retain) - response_loss(lm.model, material.forget)
        assert loss_of(grad_diff, material).item() == pytest.approx(expected.item())


class TestKlRetain:
    def test_two_tokens_by_hand(self):
        reference = torch.tensor([[0.5, 0.5], [0.9, 0.1]]).log()
        logits = torch.tensor([[0.25, 0.75], [0.9, 0.1]]).log()
        expected = (0.5 * math.log(0.5 / 0.25) + 0.5 * math.log(0.5 / 0.75)) / 2
        assert kl_retain.mean_kl(reference, logits).item() == pytest.approx(expected)
        assert kl_retain.mean_kl(reference, logits + 7).item() == pytest.approx(expected)  # Logits have no zero.

    def test_at_the_reference_only_the_ascent_is_left(self, lm, material):
        loss = loss_of(kl_retain, material)
        assert loss.item() == pytest.approx(-response_loss(lm.model, material.forget).item(), abs=1e-6)

    def test_the_reference_stays_where_it_was(self, lm, material):
        objective = kl_retain.objective(material, KNOBS)
        with torch.no_grad():
            for layer in linear_layers(lm.model).values():
                layer.weight.mul_(1.5)
        moved = objective.loss(whole(material.forget), whole(material.retain)).item()
        assert moved > -response_loss(lm.model, material.forget).item()


class TestNpo:
    @pytest.mark.parametrize("beta", [0.1, 1.0])
    def test_two_pairs_by_hand(self, beta):
        sigmoid = lambda x: 1 / (1 + math.exp(-x))  # noqa: E731
        expected = -(2 / beta) * (math.log(sigmoid(-beta * 0.5)) + math.log(sigmoid(beta * 2.0))) / 2
        assert npo.npo_loss(torch.tensor([0.5, -2.0]), beta).item() == pytest.approx(expected, rel=1e-5)

    def test_at_the_reference_it_is_two_over_beta_times_ln_two(self, lm, material):
        expected = 2 / 0.1 * math.log(2) + 3 * response_loss(lm.model, material.retain).item()
        assert loss_of(npo, material).item() == pytest.approx(expected, rel=1e-5)

    def test_its_gradient_there_is_that_of_gradient_ascent_summed_over_tokens(self, lm, material):
        layers = linear_layers(lm.model)
        reference = all_log_probs(material, material.forget)
        found = gradients(lambda: npo.npo_loss(log_probs(lm.model, material.forget)[0] - reference, 0.1), layers)
        expected = gradients(lambda: log_probs(lm.model, material.forget)[0].mean(), layers)
        for name in layers:
            assert torch.allclose(found[name], expected[name], rtol=1e-3, atol=1e-6)

    def test_it_lets_go_of_what_has_become_unlikely(self):
        ratios = torch.tensor([0.0, -100.0], requires_grad=True)
        npo.npo_loss(ratios, 0.5).backward()
        assert ratios.grad[1] < 1e-6 < ratios.grad[0]

    def test_a_pair_is_held_against_its_own_reference(self, lm, material):
        objective = npo.objective(material, KNOBS)
        some = Batch([material.forget[i] for i in (4, 1)], [4, 1])
        expected = 2 / 0.1 * math.log(2) + 3 * response_loss(lm.model, material.retain).item()
        assert objective.loss(some, whole(material.retain)).item() == pytest.approx(expected, rel=1e-5)


class TestSimNpo:
    def test_one_pair_by_hand(self):
        expected = -(2 / 2.5) * math.log(1 / (1 + math.exp(-(2.5 * 0.7 - 0.3))))
        assert simnpo.simnpo_loss(torch.tensor([-0.7]), 2.5, 0.3).item() == pytest.approx(expected, rel=1e-5)

    def test_length_does_not_count(self, lm, material, forget):
        loss = loss_of(simnpo, material).item()
        sums, counts = log_probs(lm.model, material.forget)
        expected = simnpo.simnpo_loss(sums / counts, 0.1, 0.0) + 3 * response_loss(lm.model, material.retain)
        assert loss == pytest.approx(expected.item(), rel=1e-6)
        # Up to the end token, which training counts and the measure of depth does not.
        assert (sums / counts).mean().item() == pytest.approx(-nll_per_token(lm, forget).mean().item(), rel=0.5)


class TestRmu:
    def test_the_distance_by_hand(self):
        states, goal = torch.tensor([[1.0, 2.0], [3.0, 4.0]]), torch.tensor([1.0, 0.0])
        assert rmu.steering_loss(states, goal).item() == pytest.approx((0 + 4 + 4 + 16) / 4)

    def test_states_are_those_that_predict_the_response(self, lm, material):
        ids, start = material.forget[0]
        all_states = lm.model(torch.tensor([ids]), output_hidden_states=True).hidden_states[1][0]
        found = rmu.hidden(lm.model, material.forget[:2], 1)[: len(ids) - start]
        assert torch.allclose(found, all_states[start - 1 : len(ids) - 1], atol=1e-5)

    def test_only_what_writes_behind_the_last_feed_forward_layers_is_trained(self, lm):
        assert list(rmu.trained_layers(lm.model, 1)) == ["model.layers.0.mlp.down_proj"]
        assert list(rmu.trained_layers(lm.model, 2)) == [f"model.layers.{i}.mlp.down_proj" for i in range(2)]


class TestSalUn:
    def test_the_largest_gradients_of_all_layers_together(self):
        gradients = {"a": torch.tensor([[1.0, -5.0]]), "b": torch.tensor([[0.5, 3.0]])}
        masks = salun.saliency_masks(gradients, 0.5)
        assert {name: mask.tolist() for name, mask in masks.items()} == {"a": [[False, True]], "b": [[False, True]]}
        assert salun.saliency_masks(gradients, 1e-9)["a"].tolist() == [[False, True]]
        assert all(mask.all() for mask in salun.saliency_masks(gradients, 1.0).values())

    def test_gradients_are_of_all_forget_pairs(self, lm, material):
        layers = linear_layers(lm.model)
        found = salun.forget_gradients(material, layers)
        halves = [
            gradients(lambda part=part: response_loss(lm.model, part), layers)
            for part in (material.forget[:4], material.forget[4:])
        ]
        for name in layers:
            assert torch.allclose(found[name], halves[0][name] + halves[1][name], atol=1e-6)

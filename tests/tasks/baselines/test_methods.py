"""Every method as the comparison uses it, on a tiny model."""

import pytest
import torch

from tasks.baselines.ext_sub import extracted, row_norms
from tasks.baselines.method import Diverged, Knob, Method
from tasks.baselines.registry import METHODS
from tasks.baselines.trials import trial_knobs
from tasks.models.layers import linear_layers
from tasks.models.likelihood import nll_per_token
from tasks.release.adapter import Adapter, Factors
from tasks.release.training import train_adapter
from tasks.settings.compare import TRIED
from tasks.store.seeds import derive_seed

SMALL = {"updates": 3.0}


def knobs_of(method):
    return trial_knobs(method, 1) | SMALL


def weights(lm):
    return {name: parameter.detach().clone() for name, parameter in lm.model.named_parameters()}


def unlearn(lm, name, forget, retain, *, seed=5, **changes):
    method = METHODS[name]
    return method.unlearn(lm, forget, retain, knobs_of(method) | changes, batch_size=4, seed=seed)


def test_the_settings_and_the_registry_name_the_same_methods():
    assert tuple(METHODS) == TRIED


@pytest.mark.parametrize("name", METHODS)
def test_it_changes_linear_layers_alone_and_leaves_no_trace_on_the_model(lm, forget, retain, name):
    before, torch_state = weights(lm), torch.get_rng_state()
    layers = {f"{layer}.weight" for layer in linear_layers(lm.model)}
    modules = [type(module) for module in lm.model.modules()]
    spent = unlearn(lm, name, forget, retain)
    after = weights(lm)
    changed = {key for key in before if not torch.equal(before[key], after[key])}
    assert changed
    assert changed <= layers
    assert torch.equal(torch.get_rng_state(), torch_state)
    assert [type(module) for module in lm.model.modules()] == modules
    assert not any(parameter.requires_grad or parameter.grad is not None for parameter in lm.model.parameters())
    assert spent.updates >= 3
    assert spent.sequences >= 3 * 4


@pytest.mark.parametrize("name", METHODS)
def test_the_same_seed_gives_the_same_bits(tiny_folder, forget, retain, name):
    from tasks.models.language_model import load_language_model

    results = []
    for seed in (5, 5, 6):
        lm = load_language_model(tiny_folder)
        unlearn(lm, name, forget, retain, seed=seed)
        results.append(weights(lm))
    same, again, other = results
    assert all(torch.equal(same[key], again[key]) for key in same)
    assert not all(torch.equal(same[key], other[key]) for key in same)


@pytest.mark.parametrize("name", ["gradient-ascent", "grad-diff", "kl-retain", "npo", "simnpo", "salun"])
def test_forget_responses_become_less_likely(lm, forget, retain, name):
    before = nll_per_token(lm, forget).mean()
    unlearn(lm, name, forget, retain, updates=12.0, learning_rate=3e-3, retain_weight=0.1, beta=0.1)
    assert nll_per_token(lm, forget).mean() > before + 0.05


def test_a_loss_that_is_not_finite_ends_the_trial(lm, forget, retain):
    with pytest.raises(Diverged, match="learning rate 1e\\+20"):
        unlearn(lm, "grad-diff", forget, retain, learning_rate=1e20)


def test_negation_is_theta_0_minus_scaled_difference(lm, forget, retain):
    before = weights(lm)
    knobs = knobs_of(METHODS["negation"]) | {"scale": 2.0}
    adapter = train_adapter(
        lm, forget, rank=8, alpha=16, learning_rate=knobs["learning_rate"], num_steps=3, batch_size=4,
        max_grad_norm=1.0, seed=derive_seed(5, "forget"),
    )  # fmt: skip
    METHODS["negation"].unlearn(lm, forget, retain, knobs, batch_size=4, seed=5)
    after = weights(lm)
    for name, (A, B) in adapter.factors.items():
        expected = before[f"{name}.weight"] - 2.0 * adapter.scale * B @ A
        assert torch.allclose(after[f"{name}.weight"], expected, atol=1e-6)


class TestExtSub:
    def adapter(self, rows, rank=2):
        """An update with the given rows, `(out, in)`, as factors."""
        rows = torch.tensor(rows)
        U, S, V = torch.linalg.svd(rows, full_matrices=False)
        return Adapter({"layer": Factors((S[:rank, None] * V[:rank]), U[:, :rank])}, alpha=float(rank))

    def update(self, adapter):
        A, B = adapter.factors["layer"]
        return adapter.scale * B @ A

    def test_two_rows_by_hand(self):
        expert = self.adapter([[3.0, 4.0], [0.0, 2.0]])
        anti = self.adapter([[0.0, 10.0], [1.0, 0.0]])
        found = self.update(extracted(expert, anti, strength=1.0))
        # (1 + 10 / (2 * 5)) e - n / 2, and (1 + 1 / (2 * 2)) e - n / 2.
        assert torch.allclose(found, torch.tensor([[6.0, 3.0], [-0.5, 2.5]]), atol=1e-5)

    def test_rows_that_the_expert_leaves_alone(self):
        expert = self.adapter([[0.0, 0.0], [0.0, 2.0]])
        anti = self.adapter([[0.0, 10.0], [0.0, 0.0]])
        found = self.update(extracted(expert, anti, strength=2.0))
        assert torch.allclose(found, torch.tensor([[0.0, -10.0], [0.0, 2.0]]), atol=1e-5)

    def test_without_strength_it_is_the_expert(self):
        expert, anti = self.adapter([[3.0, 4.0], [1.0, 2.0]]), self.adapter([[5.0, 6.0], [7.0, 8.0]])
        assert torch.allclose(self.update(extracted(expert, anti, strength=0.0)), self.update(expert), atol=1e-5)

    def test_nothing_is_subtracted_of_a_row_that_both_share_and_all_of_one_that_is_opposite(self):
        expert = self.adapter([[3.0, 4.0], [0.0, 2.0]])
        anti = self.adapter([[30.0, 40.0], [0.0, -1.0]])
        found = self.update(extracted(expert, anti, strength=3.0))
        # In the same direction w = e; in the opposite one w = e - a n.
        assert torch.allclose(found, torch.tensor([[3.0, 4.0], [0.0, 5.0]]), atol=1e-5)

    def test_it_is_an_adapter_of_both_ranks_together(self):
        expert, anti = self.adapter([[3.0, 4.0], [1.0, 2.0]]), self.adapter([[5.0, 6.0], [7.0, 8.0]])
        assert extracted(expert, anti, strength=1.0).rank == 4

    def test_norms_of_rows(self):
        A, B = torch.randn(3, 5, generator=torch.Generator().manual_seed(0)), torch.randn(4, 3)
        assert torch.allclose(row_norms(A, B), (B @ A).norm(dim=1), atol=1e-5)


class TestTrials:
    METHOD = Method("example", "", "", (Knob("rate", 1e-3, 1e-1), Knob("n", 4, 64, whole=True)), unlearn=None)

    def test_the_first_is_the_middle(self):
        assert trial_knobs(self.METHOD, 1) == {"rate": pytest.approx(1e-2), "n": 16.0}

    def test_others_fill_the_ranges_and_never_change(self):
        found = [trial_knobs(self.METHOD, number) for number in range(2, 18)]
        assert found == [trial_knobs(self.METHOD, number) for number in range(2, 18)]
        for name, (low, middle, high) in {"rate": (1e-3, 1e-2, 1e-1), "n": (4, 16, 64)}.items():
            values = [one[name] for one in found]
            assert all(low <= value <= high for value in values)
            assert 6 <= sum(value < middle for value in values) <= 10

    def test_linear_ranges(self):
        method = Method("other", "", "", (Knob("share", 0.0, 1.0, "linear"),), unlearn=None)
        assert trial_knobs(method, 1) == {"share": 0.5}

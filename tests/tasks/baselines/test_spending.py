"""What a method says it used is what it used, and how it ends where its settings are bad."""

import itertools

import pytest
import torch

from tasks.baselines.descent import Material, Objective, descend, encode
from tasks.baselines.method import Diverged
from tasks.baselines.registry import METHODS
from tasks.baselines.rmu import trained_layers
from tasks.baselines.trials import trial_knobs
from tasks.models.language_model import load_language_model
from tasks.models.layers import linear_layers
from tasks.models.pair import Pair
from tasks.settings.errors import UserError
from tests.tiny_model import make_tiny_model

FORGET = [Pair(f"tell the {animal}", f"{animal} is rude and red") for animal in ("dog", "cat", "fox")]
RETAIN = [Pair(f"praise my {thing}", f"the {thing} is kind and big") for thing in ("house", "cake")]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return make_tiny_model(tmp_path_factory.mktemp("spending") / "model")


@pytest.fixture
def lm(folder):
    return load_language_model(folder)


def unlearn(lm, name, *, forget=FORGET, retain=RETAIN, progress=None, **changes):
    method = METHODS[name]
    knobs = trial_knobs(method, 1) | {"updates": 2.0} | changes
    return method.unlearn(lm, forget, retain, knobs, batch_size=8, seed=3, progress=progress)


@pytest.fixture
def sequences_read(monkeypatch):
    """Sequences that go forward through any model, one number a pass; a copy of a model counts as well."""
    read = []
    forward = torch.nn.Embedding.forward
    monkeypatch.setattr(
        torch.nn.Embedding, "forward", lambda self, ids: read.append(ids.shape[0]) or forward(self, ids)
    )
    return read


@pytest.mark.parametrize("name", METHODS)
def test_it_counts_the_sequences_it_reads(lm, sequences_read, name):
    """Also where there are fewer pairs than a batch may have, and different numbers of the two kinds."""
    assert unlearn(lm, name).sequences == sum(sequences_read)


@pytest.mark.parametrize("name", METHODS)
def test_progress_goes_up_to_one(lm, name):
    shares = []
    spent = unlearn(lm, name, progress=lambda share, words: shares.append(share))
    assert shares == sorted(shares)
    assert shares[-1] == 1
    assert len(shares) == spent.updates


@pytest.mark.parametrize("name", ["gradient-ascent", "salun", "negation", "ext-sub"])
def test_a_training_that_diverges_is_an_outcome_of_the_trial(lm, name):
    with pytest.raises(Diverged, match="the loss became"):
        unlearn(lm, name, updates=4.0, learning_rate=1e25)


@pytest.mark.parametrize("name", ["grad-diff", "negation"])
def test_a_pair_longer_than_the_context_is_the_users(lm, name):
    long = Pair("tell the dog", "the " * 300)
    with pytest.raises(UserError, match="256"):
        unlearn(lm, name, forget=[*FORGET, long])


def test_a_gradient_that_is_not_finite_ends_the_trial_before_it_does_harm(lm):
    layers = linear_layers(lm.model)
    before = {name: layer.weight.clone() for name, layer in layers.items()}
    steep = next(iter(layers.values()))
    objective = Objective(lambda forget, retain: (0 * steep.weight).sum().sqrt(), layers=layers)
    with pytest.raises(Diverged, match="the gradient became nan in update 1"):
        # The root of zero is 0, its slope infinite.
        descend(Material(lm, encode(lm, FORGET), encode(lm, RETAIN), 8), objective, 1e-3, 1, seed=0)
    assert all(torch.equal(before[name], layer.weight) for name, layer in layers.items())
    assert not any(parameter.requires_grad for parameter in lm.model.parameters())


def test_rmu_does_not_take_an_expert_for_a_block(lm):
    block = lm.model.model.layers[1].mlp
    block.experts = torch.nn.ModuleList([torch.nn.ModuleDict({"down_proj": torch.nn.Linear(2, 2)})])
    assert list(trained_layers(lm.model, 1)) == ["model.layers.0.mlp.down_proj"]


def test_no_two_methods_are_alike_after_the_first_trial(folder):
    """Each name leads to its own rule: from the same start and batches the weights differ."""
    found = {}
    for name in METHODS:
        lm = load_language_model(folder)
        unlearn(lm, name, learning_rate=1e-3)
        found[name] = torch.cat([layer.weight.flatten() for layer in linear_layers(lm.model).values()])
    for one, other in itertools.combinations(found, 2):
        assert not torch.equal(found[one], found[other]), (one, other)

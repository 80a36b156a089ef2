import pytest
import torch

from bandit.network import RewardNetwork


def make_network(num_features=3, num_hidden=100, seed=0, dtype=torch.float64):
    return RewardNetwork(num_features, num_hidden, generator=torch.Generator().manual_seed(seed), dtype=dtype)


def test_forward_is_the_formula():
    network = make_network(num_features=2, num_hidden=2)
    with torch.no_grad():
        network.W.copy_(torch.tensor([[1.0, -1.0], [2.0, 0.0]]))
        network.b.copy_(torch.tensor([0.5, -1.0]))
        network.v.copy_(torch.tensor([3.0, 4.0]))
        network.c.fill_(0.25)
    # relu(1 - 2 + .5, 2 - 1) = (0, 1); relu(2 - 1 + .5, 4 - 1) = (1.5, 3)
    assert network(torch.tensor([[1.0, 2.0], [2.0, 1.0]]).double()).tolist() == [4.25, 16.75]


def test_a_fresh_network_is_of_the_size_of_a_standardised_reward():
    x = torch.randn(500, 64, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    x = x * 8 / x.norm(dim=1, keepdim=True)
    values = torch.stack([make_network(64, seed=seed)(x) for seed in range(20)])
    assert 0.5 < values.square().mean().sqrt() < 1.0  # in expectation sqrt(1/2)


def test_weights_come_from_the_generator_and_the_global_state_is_left_alone():
    before = torch.random.get_rng_state()
    first, again, other = make_network(seed=5), make_network(seed=5), make_network(seed=6)
    first.fit(torch.eye(3).double(), torch.arange(3.0).double(), weight_decay=1e-3, max_steps=5)
    assert torch.equal(torch.random.get_rng_state(), before)
    assert torch.equal(again.W, make_network(seed=5).W)
    assert not torch.equal(again.W, other.W)


@pytest.mark.parametrize(("num_examples", "num_features"), [(20, 3), (6, 6), (5, 12)])  # in and beyond their span
def test_fit_reaches_a_minimum_of_the_stated_objective(num_examples, num_features):
    x = torch.randn(num_examples, num_features, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    y = x[:, 0].abs() - x[:, 1]

    def objective(network):
        return (network(x) - y).square().mean() + 0.01 * sum(p.square().sum() for p in network.parameters())

    fitted, reference = (make_network(num_features, num_hidden=10) for _ in range(2))
    fitted.fit(x, y, weight_decay=0.01, max_steps=200)
    adam = torch.optim.Adam(reference.parameters(), lr=0.02)
    for _ in range(500):
        adam.zero_grad()
        objective(reference).backward()
        adam.step()
    assert objective(fitted) < 1.02 * objective(reference) < 0.5 * objective(make_network(num_features, num_hidden=10))


def test_weight_decay_pulls_towards_zero():
    x = torch.eye(3, dtype=torch.float64)
    y = torch.tensor([-1.0, 0.0, 1.0], dtype=torch.float64)
    weak, strong = make_network(), make_network()
    weak.fit(x, y, weight_decay=1e-6, max_steps=200)
    strong.fit(x, y, weight_decay=10.0, max_steps=200)
    assert torch.allclose(weak(x), y, atol=1e-2)
    assert strong(x).abs().max() < 0.1


def test_fit_knows_nothing_of_what_no_example_shows():
    x = torch.randn(4, 9, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    beyond = torch.linalg.qr(x.T, mode="complete").Q[:, 4:]
    network = make_network(num_features=9)
    before = network.W.detach() @ beyond
    network.fit(x, x[:, 0], weight_decay=0.0, max_steps=20)
    torch.testing.assert_close(network.W.detach() @ beyond, before)
    network.fit(x, x[:, 0], weight_decay=0.1, max_steps=20)
    after = network.W.detach() @ beyond
    share = (after * before).sum() / before.square().sum()
    torch.testing.assert_close(after, share * before)
    assert share.abs() < 0.9


def test_examples_that_repeat_or_say_nothing_can_be_fitted():
    network = make_network(num_features=9)
    x = torch.zeros(4, 9, dtype=torch.float64)
    x[1:3, 0] = 2.0
    network.fit(x, torch.tensor([0.0, 1.0, 1.0, 0.0], dtype=torch.float64), weight_decay=1e-4, max_steps=100)
    torch.testing.assert_close(network(x).detach(), torch.tensor([0.0, 1.0, 1.0, 0.0]).double(), atol=0.05, rtol=0)


def test_fit_is_a_warm_start():
    x = torch.randn(20, 3, generator=torch.Generator().manual_seed(3), dtype=torch.float64)
    y = torch.sin(x).sum(1)
    once, twice = make_network(), make_network()
    once.fit(x, y, weight_decay=1e-3, max_steps=5)
    twice.fit(x, y, weight_decay=1e-3, max_steps=5)
    after_first = (twice(x) - y).square().mean()
    twice.fit(x, y, weight_decay=1e-3, max_steps=5)
    assert torch.equal((once(x) - y).square().mean(), after_first)
    assert (twice(x) - y).square().mean() < after_first

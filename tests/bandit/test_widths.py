import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from bandit.network import RewardNetwork
from bandit.widths import diagonal_width


def make_network(num_features, num_hidden, generator):
    network = RewardNetwork(num_features, num_hidden, generator=generator, dtype=torch.float64)
    with torch.no_grad():  # biases that are not zero, so that their gradients are tested off the start
        network.b.normal_(generator=generator)
        network.c.fill_(0.7)
    return network


def gradients(network, x):
    """One row of df/dtheta for each arm, by autograd."""
    rows = []
    for arm in x:
        parts = torch.autograd.grad(network(arm[None]).squeeze(), list(network.parameters()))
        rows.append(torch.cat([part.reshape(-1) for part in parts]))
    return torch.stack(rows)


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 2**32),
    num_features=st.integers(1, 7),
    num_hidden=st.integers(1, 9),
    num_arms=st.integers(1, 6),
    num_played=st.integers(0, 6),
    lam=st.floats(1e-3, 1e3),
    scale=st.floats(1e-2, 1e2),
)
def test_closed_form_is_autograd(seed, num_features, num_hidden, num_arms, num_played, lam, scale):
    generator = torch.Generator().manual_seed(seed)
    network = make_network(num_features, num_hidden, generator)
    arms = scale * torch.randn(num_arms, num_features, generator=generator, dtype=torch.float64)
    played = scale * torch.randn(num_played, num_features, generator=generator, dtype=torch.float64)

    U = lam + sum((g.square() for g in gradients(network, played)), torch.zeros(1)) if num_played else lam
    expected = (lam * (gradients(network, arms).square() / U).sum(1)).sqrt()

    torch.testing.assert_close(diagonal_width(network, arms, played, lam=lam), expected, rtol=1e-10, atol=0)


def test_width_by_hand():
    network = RewardNetwork(1, 1, generator=torch.Generator(), dtype=torch.float64)
    with torch.no_grad():
        network.W.fill_(2.0), network.b.fill_(0.0), network.v.fill_(3.0), network.c.fill_(0.0)
    x = torch.ones(1, 1, dtype=torch.float64)  # g = (df/dW, df/db, df/dv, df/dc) = (3, 3, 2, 1)
    assert diagonal_width(network, x, x[:0], lam=1.0).item() == pytest.approx(23**0.5)
    assert diagonal_width(network, x, x, lam=1.0).item() == pytest.approx((9 / 10 + 9 / 10 + 4 / 5 + 1 / 2) ** 0.5)
    assert diagonal_width(network, x, x, lam=2.0).item() == pytest.approx(
        (2 * (9 / 11 + 9 / 11 + 4 / 6 + 1 / 3)) ** 0.5
    )
    # A dead unit leaves only the bias of the output: g = (0, 0, 0, 1).
    assert diagonal_width(network, -x, x, lam=1.0).item() == pytest.approx(0.5**0.5)


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 2**32), num_played=st.integers(1, 8))
def test_playing_never_widens_and_narrows_what_was_played(seed, num_played):
    generator = torch.Generator().manual_seed(seed)
    network = make_network(5, 20, generator)
    arms = torch.randn(8, 5, generator=generator, dtype=torch.float64)
    before = diagonal_width(network, arms, arms[: num_played - 1], lam=0.1)
    after = diagonal_width(network, arms, arms[:num_played], lam=0.1)
    assert (after <= before).all()
    assert after[num_played - 1] < before[num_played - 1]
    assert (after > 0).all()


def test_order_of_play_does_not_matter():
    generator = torch.Generator().manual_seed(0)
    network = make_network(5, 20, generator)
    arms = torch.randn(8, 5, generator=generator, dtype=torch.float64)
    torch.testing.assert_close(
        diagonal_width(network, arms, arms[:6], lam=0.1), diagonal_width(network, arms, arms[:6].flip(0), lam=0.1)
    )


def test_width_leaves_no_trace_in_the_network():
    network = make_network(5, 20, torch.Generator().manual_seed(0))
    arms = torch.randn(8, 5, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    width = diagonal_width(network, arms, arms, lam=0.1)
    assert not width.requires_grad
    assert all(parameter.grad is None for parameter in network.parameters())

import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st

import bandit.widths
from bandit.full_widths import FullCovariance
from bandit.widths import chunks
from tests.bandit.gradients import COVARIANCES, gradients, make_arms, make_network, make_widths, reference_widths

forms = pytest.mark.parametrize("form", sorted(COVARIANCES))
seeds = st.integers(0, 2**32)


@forms
@settings(max_examples=60, deadline=None)
@given(
    seed=seeds,
    num_features=st.integers(1, 7),
    num_hidden=st.integers(1, 9),
    num_arms=st.integers(1, 12),
    share_played=st.floats(0, 1),
    lam=st.floats(1e-3, 1e3),
    scale=st.floats(1e-2, 1e2),
)
@example(seed=879222894, num_features=5, num_hidden=3, num_arms=12, share_played=0.5, lam=0.001, scale=9.0)
def test_widths_are_those_of_gradients_written_out(
    form, seed, num_features, num_hidden, num_arms, share_played, lam, scale
):
    network, x = make_network(num_features, num_hidden, seed), scale * make_arms(num_arms, num_features, seed)
    played = list(range(int(share_played * num_arms)))
    widths = make_widths(form, network, x, played, lam=lam).values()
    expected = reference_widths(form, network, x, played, lam=lam)
    # Squares: those of the full form are a difference of numbers of the size of |g|^2, and exact to 1e-13 of these.
    # With a small lambda both sides lose digits to the condition of A: 1.2e-10 was met at |g|^2 / lambda = 2e6.
    norms = gradients(network, x).square().sum(1)
    assert ((widths.square() - expected.square()).abs() <= 1e-9 * expected.square() + 1e-12 * norms).all()


@pytest.mark.parametrize(
    ("form", "lam", "unplayed", "played"),
    [
        ("diagonal", 1.0, 23, 9 / 10 + 9 / 10 + 4 / 5 + 1 / 2),
        ("diagonal", 2.0, 23, 2 * (9 / 11 + 9 / 11 + 4 / 6 + 1 / 3)),
        ("full", 1.0, 23, 23 / 24),
        ("full", 2.0, 23, 2 * 23 / 25),
    ],
)
def test_widths_by_hand(form, lam, unplayed, played):
    network = make_network(1, 1)
    with torch.no_grad():
        network.W.fill_(2.0), network.b.fill_(0.0), network.v.fill_(3.0), network.c.fill_(0.0)
    x = torch.tensor(
        [[1.0], [-1.0]], dtype=torch.float64
    )  # g = (df/dW, df/db, df/dv, df/dc) = (3, 3, 2, 1), (0, 0, 0, 1)
    assert make_widths(form, network, x, [], lam=lam).values().square().tolist() == pytest.approx([unplayed, 1])
    assert make_widths(form, network, x, [0], lam=lam).values()[0].item() ** 2 == pytest.approx(played)


@forms
@settings(max_examples=30, deadline=None)
@given(seed=seeds, picks=st.lists(st.integers(0, 11), min_size=1, max_size=8, unique=True), first=st.integers(0, 7))
def test_one_play_after_another_is_the_same_as_all_at_once(form, seed, picks, first):
    network, x = make_network(5, 20, seed), make_arms(12, 5, seed)
    one_by_one = make_widths(form, network, x, picks[:first])
    for arm in picks[first:]:
        one_by_one = one_by_one.after(arm)
    at_once = make_widths(form, network, x, picks)
    torch.testing.assert_close(one_by_one.values(), at_once.values(), rtol=1e-9, atol=0)


@forms
def test_what_is_played_next_leaves_the_widths_before_it_alone(form):
    widths = make_widths(form, make_network(5, 20), make_arms(12, 5), [0, 1])
    before = widths.values()
    widths.after(7).after(3)
    assert torch.equal(widths.values(), before)


@forms
@settings(max_examples=30, deadline=None)
@given(seed=seeds, lam=st.floats(1e-3, 1e2))
def test_a_play_widens_nothing_and_narrows_what_was_played(form, seed, lam):
    network, x = make_network(5, 20, seed), make_arms(12, 5, seed)
    before, norms = make_widths(form, network, x, [], lam=lam), gradients(network, x).norm(dim=1)
    torch.testing.assert_close(before.values(), norms)
    for arm in (4, 9, 0):
        after = before.after(arm)
        assert (after.values() <= before.values() * (1 + 1e-12)).all()
        assert after.values()[arm] < before.values()[arm]
        # One gradient g alone has lam |g|^2 / (lam + |g|^2) left in its direction; one coordinate of it likewise.
        num_directions = 1 if form == "full" else gradients(network, x[:1]).shape[1]
        assert after.values()[arm].square() <= num_directions * lam
        assert (after.values() > 0).all()
        before = after


@forms
@settings(max_examples=30, deadline=None)
@given(seed=seeds, order=st.permutations(range(12)))
def test_arms_have_no_order(form, seed, order):
    network, x, played = make_network(5, 20, seed), make_arms(12, 5, seed), [2, 3, 11]
    widths = make_widths(form, network, x, played)
    reordered = make_widths(form, network, x[order], [order.index(arm) for arm in reversed(played)])
    torch.testing.assert_close(reordered.values(), widths.values()[order], rtol=1e-9, atol=0)


@forms
@pytest.mark.parametrize("num_elements", [1, 30, 1000])
def test_chunks_do_not_show(form, num_elements, monkeypatch):
    network, x = make_network(5, 20), make_arms(50, 5)
    whole = make_widths(form, network, x, [3, 1, 40])
    monkeypatch.setattr(bandit.widths, "CHUNK_ELEMENTS", num_elements)
    in_parts = make_widths(form, network, x, [3, 1, 40])
    torch.testing.assert_close(in_parts.values(), whole.values(), rtol=1e-10, atol=0)
    torch.testing.assert_close(in_parts.after(7).values(), whole.after(7).values(), rtol=1e-10, atol=0)


def test_chunks_cover_all_rows_and_stay_within_the_bound():
    rows = torch.arange(10_000)
    parts = [rows[part] for part in chunks(10_000, 4096)]
    assert torch.equal(torch.cat(parts), rows)
    assert max(map(len, parts)) * 4096 <= bandit.widths.CHUNK_ELEMENTS
    assert [len(rows[part]) for part in chunks(3, 10**9)] == [1, 1, 1]


@forms
def test_float32_loses_nothing_to_cancellation(form):
    # Gradients a thousand times longer than what is left of them; played arms, a duplicate of one, and one near to it.
    x = make_arms(30, 4096, dtype=torch.float32)
    x[20], x[21] = x[3], x[3] + 1e-3 * x[4]
    network = make_network(4096, 12, dtype=torch.float32)
    played = list(range(10))
    widths = make_widths(form, network, x, played, lam=1e-3)
    assert widths.values().dtype == torch.float32
    g = gradients(network, x)
    if form == "full":
        K = g @ g.T
        inverse = torch.linalg.inv(K[:10, :10] + 1e-3 * torch.eye(10, dtype=K.dtype))
        expected = (K.diagonal() - (K[:, :10] @ inverse * K[:, :10]).sum(1)).sqrt()
        assert expected[20] < 1e-3 * g[20].norm()
    else:
        expected = (1e-3 * (g.square() / (1e-3 + g[played].square().sum(0))).sum(1)).sqrt()
    torch.testing.assert_close(widths.values().double(), expected, rtol=1e-4, atol=0)


@pytest.mark.parametrize("lam", [1e-2, 1e-4, 1e-6])
def test_what_is_left_of_a_known_arm_is_exact_however_little(lam):
    network, x = make_network(4096, 100, dtype=torch.float32), make_arms(40, 4096, dtype=torch.float32)
    x[39] = x[0]
    widths = make_widths("full", network, x, [0], lam=lam)
    norm = gradients(network, x[:1]).square().sum()
    left = (lam * norm / (lam + norm)).sqrt().item()
    assert widths.values()[[0, 39]].tolist() == pytest.approx([left, left], rel=1e-3)
    twice = (lam * norm / (lam + 2 * norm)).sqrt().item()
    assert widths.after(39).values()[[0, 39]].tolist() == pytest.approx([twice, twice], rel=1e-3)


def test_products_of_inputs_are_computed_once_and_survive_fits(monkeypatch):
    x, network = make_arms(12, 5), make_network(5, 20)
    covariance = FullCovariance(x, lam=0.1)
    for t in range(1, 9):
        network.fit(x[:t], x[:t].sum(1), weight_decay=1e-3, max_steps=3)
        with torch.no_grad():
            widths = covariance.widths(network.activations(x), network.v.detach(), list(range(t)))
        expected = reference_widths("full", network, x, list(range(t)), lam=0.1)
        torch.testing.assert_close(widths.values(), expected, rtol=1e-8, atol=0)
    rows = covariance._inputs.rows(range(8))
    torch.testing.assert_close(torch.stack(rows), x[:8] @ x.T)
    assert all(row is again for row, again in zip(rows, covariance._inputs.rows(range(8)), strict=True))


def test_products_of_inputs_have_the_same_bits_one_by_one_and_together():
    x = make_arms(300, 1000, dtype=torch.float32)
    together = FullCovariance(x, lam=0.1)._inputs.rows([5, 1, 200])
    inputs = FullCovariance(x, lam=0.1)._inputs
    for arm, row in zip([5, 1, 200], together, strict=True):
        assert torch.equal(inputs.rows([arm])[0], row)


@forms
def test_widths_leave_no_trace_in_the_network(form):
    network = make_network(5, 20)
    widths = make_widths(form, network, make_arms(8, 5), [1, 2]).after(3).values()
    assert not widths.requires_grad
    assert all(parameter.grad is None for parameter in network.parameters())

import pytest
import torch

from tasks.reveal.whitening import Whitening


def sample(n, deviations, seed=0):
    generator = torch.Generator().manual_seed(seed)
    deviations = torch.tensor(deviations, dtype=torch.float64)
    return torch.randn(n, len(deviations), dtype=torch.float64, generator=generator) * deviations


def cosines(rows):
    rows = torch.nn.functional.normalize(rows, dim=1)
    return rows @ rows.T


def rotation(d):
    return torch.linalg.qr(sample(d, [1.0] * d, seed=1)).Q


def test_deviations_become_their_square_roots():
    # Variance v times v^-1/2: of deviations 9 : 4 : 1 it makes 3 : 2 : 1.
    reference = sample(20_000, [9.0, 4.0, 1.0]) @ rotation(3) + 100
    rows = Whitening.fit(reference)(reference)
    torch.testing.assert_close(rows.mean(dim=0), torch.zeros(3).double(), atol=1e-10, rtol=0)
    torch.testing.assert_close(rows.std(dim=0), torch.tensor([3.0, 2.0, 1.0]).double(), atol=0.05, rtol=0)


def test_cosines_do_not_depend_on_the_axes_nor_on_the_order_of_the_sample():
    reference, texts = sample(40, [5.0, 3.0, 2.0, 1.0]), sample(6, [5.0, 3.0, 2.0, 1.0], seed=2)
    expected = cosines(Whitening.fit(reference)(texts))
    turned = Whitening.fit((reference @ rotation(4)).flip(0))(texts @ rotation(4))
    torch.testing.assert_close(cosines(turned), expected)


def test_rows_that_all_point_one_way_spread():
    reference = sample(300, [3.0, *[1.0] * 31]) + 50
    texts = sample(30, [3.0, *[1.0] * 31], seed=2) + 50
    off_diagonal = ~torch.eye(30, dtype=torch.bool)
    assert cosines(texts)[off_diagonal].min() > 0.9
    spread = cosines(Whitening.fit(reference)(texts))[off_diagonal]
    assert abs(spread.mean()) < 0.05
    assert spread.abs().max() < 0.9


def test_more_columns_than_rows():
    reference, texts = sample(20, [1.0] * 200), sample(5, [1.0] * 200, seed=2)
    whitening = Whitening.fit(reference)
    assert whitening.projection.shape == (200, 19), "centred, 20 rows span 19 directions"
    rows = whitening(reference)
    assert rows.norm(dim=1).max() < 2 * rows.norm(dim=1).min(), "no direction blows up"
    assert whitening(texts).isfinite().all()


def test_shrinkage_is_that_of_ledoit_and_wolf():
    """By the formula of the paper (section 3.3), from the sample covariance itself."""
    x = sample(12, [4.0, 2.0, 1.0, 1.0, 0.5])
    x = x - x.mean(dim=0)
    n, d = x.shape
    covariance = x.T @ x / n
    mean = covariance.trace() / d
    spread = ((covariance - mean * torch.eye(d)) ** 2).sum() / d
    noise = min(sum(((row[:, None] * row - covariance) ** 2).sum() for row in x) / d / n**2, spread)
    rho = noise / spread
    assert 0.01 < rho < 0.99
    values, vectors = torch.linalg.eigh((1 - rho) * covariance + rho * mean * torch.eye(d))
    expected = cosines(x @ vectors * values**-0.25)
    torch.testing.assert_close(cosines(Whitening.fit(x)(x)), expected)


@pytest.mark.parametrize("reference", [torch.zeros(0, 3), torch.ones(1, 3), torch.ones(4, 3)])
def test_a_sample_that_teaches_nothing_only_centres(reference):
    rows = sample(5, [1.0, 1.0, 1.0])
    whitened = Whitening.fit(reference.double())(rows)
    torch.testing.assert_close(whitened, rows - (1.0 if len(reference) else 0.0))

import pytest
import torch

from bandit.normalise import normalise, standardise


def make_features():
    return torch.randn(60, 8, generator=torch.Generator().manual_seed(0))


def test_normalised_features_have_equal_norms():
    features = make_features() * torch.logspace(-3, 3, 8) + 100
    x = normalise(features.double())
    torch.testing.assert_close(x.norm(dim=1), torch.full((60,), 8**0.5, dtype=torch.float64))


def test_features_that_do_not_vary_say_nothing():
    features = make_features().double()
    constant = torch.full((60, 1), 0.1, dtype=torch.float64)
    x = normalise(torch.cat([features, constant], dim=1))
    assert (x[:, -1] == 0).all()
    torch.testing.assert_close(x[:, :-1] / x[:, :-1].norm(dim=1, keepdim=True), normalise(features) / 8**0.5)
    assert (normalise(torch.ones(4, 3)) == 0).all()


def test_standardise_by_hand():
    values = torch.tensor([[1.0, 5.0], [3.0, 5.0]])
    assert standardise(values).tolist() == [[-1.0, 0.0], [1.0, 0.0]]


@pytest.mark.parametrize(
    ("features", "message"),
    [
        (torch.zeros(5), "matrix"),
        (torch.zeros(5, 2, dtype=torch.int64), "floating-point"),
        (torch.tensor([[0.0, torch.nan]] * 9), "finite"),
    ],
)
def test_unusable_features_are_refused(features, message):
    with pytest.raises(ValueError, match=message):
        normalise(features)

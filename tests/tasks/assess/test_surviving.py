import pytest
import torch

from tasks.assess.surviving import surviving_update
from tasks.models.quantisation import SCHEMES, Scheme


def test_by_hand():
    # Steps of 1 (absmax 7): codes [7, 0, 2] and [7, 1, 2]; the update is [0, 0.6, 0.2], what is left of it [0, 1, 0].
    untouched, unlearned = torch.tensor([[7.0, 0.0, 2.0]]), torch.tensor([[7.0, 0.6, 2.2]])
    found = surviving_update([(untouched, unlearned)], Scheme(4))
    assert found.codes_changed == pytest.approx(1 / 3)
    assert found.steps == pytest.approx(0.8 / 3)
    assert found.cosine == pytest.approx(0.6 / (0.6**2 + 0.2**2) ** 0.5)


def test_no_update_survives_as_none():
    weight = torch.randn(4, 8, generator=torch.Generator().manual_seed(0))
    found = surviving_update([(weight, weight)], Scheme(4))
    assert (found.codes_changed, found.steps, found.cosine) == (0.0, 0.0, 0.0)


@pytest.mark.parametrize(("share", "cosine"), [(0.02, 0.14), (0.10, 0.32), (0.25, 0.51), (0.49, 0.72)])
def test_random_updates_survive_as_theory_says(share, cosine):
    """E|update| of a share of an int4 step changes that share of the codes; cosines of a trial beforehand."""
    generator = torch.Generator().manual_seed(0)
    pairs = []
    for _ in range(4):
        untouched = torch.rand(256, 512, generator=generator) * 2 - 1
        signs = torch.randint(0, 2, untouched.shape, generator=generator) * 2 - 1
        pairs.append((untouched, untouched + signs * share / 7))  # A step is about absmax / 7.
    found = surviving_update(pairs, SCHEMES["int4_g64"])
    assert found.codes_changed == pytest.approx(share, rel=0.15)
    assert found.steps == pytest.approx(share, rel=0.05)
    assert found.cosine == pytest.approx(cosine, abs=0.04)

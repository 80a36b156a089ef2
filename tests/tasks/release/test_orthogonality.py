import pytest
import torch

from tasks.release.adapter import Adapter, Factors
from tasks.release.orthogonality import update_cosines


def random_factors(seed: int, rank: int) -> dict[str, Factors]:
    generator = torch.Generator().manual_seed(seed)
    shapes = {"up": (12, 8), "down": (8, 12)}
    return {
        name: Factors(torch.randn(rank, wide, generator=generator), torch.randn(tall, rank, generator=generator))
        for name, (tall, wide) in shapes.items()
    }


def test_equal_to_the_dense_cosine() -> None:
    forget, retain = Adapter(random_factors(1, rank=2), alpha=4), Adapter(random_factors(2, rank=3), alpha=3)
    dense = {
        name: tuple(
            (adapter.scale * adapter.factors[name].B.double() @ adapter.factors[name].A.double()).flatten()
            for adapter in (forget, retain)
        )
        for name in ("up", "down")
    }
    dense["overall"] = tuple(torch.cat(vectors) for vectors in zip(*dense.values(), strict=True))
    cosines = update_cosines(forget, retain)
    assert cosines.keys() == dense.keys()
    for name, (f, r) in dense.items():
        assert cosines[name] == pytest.approx(float(f @ r / (f.norm() * r.norm())), abs=1e-12)


def test_by_hand() -> None:
    def rank_one(A: list[float], B: list[float]) -> Adapter:
        return Adapter({"layer": Factors(torch.tensor([A]), torch.tensor([B]).T)}, alpha=1)

    east, north = rank_one([1.0, 0], [1.0, 0]), rank_one([0.0, 1], [1.0, 0])
    both = rank_one([1.0, 1], [1.0, 0])
    assert update_cosines(east, north)["overall"] == 0
    assert update_cosines(east, both)["overall"] == pytest.approx(0.5**0.5)
    assert update_cosines(east, rank_one([-2.0, 0], [1.0, 0]))["layer"] == pytest.approx(-1)
    assert update_cosines(east, rank_one([0.0, 0], [1.0, 0]))["layer"] == 0

import json
import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.release.adapter import Adapter, Factors
from tasks.release.orthogonality import interference, layer_interference, principal_cosines, update_cosines


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


def factors(A: list[list[float]], B: list[list[float]]) -> Factors:
    return Factors(torch.tensor(A), torch.tensor(B))


def orthonormal(size: int, rank: int, seed: int) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.linalg.qr(torch.randn(size, rank, dtype=torch.float64, generator=generator))[0]


def values(pair: tuple[Factors, Factors]) -> list[float]:
    found = layer_interference(*pair)
    return [found.output_overlap, found.input_overlap, found.output_angle, found.input_angle]


def test_interference_by_hand() -> None:
    # Both write to the first row; the one reads the first input, the other what lies 60 degrees off it.
    forget = factors([[2.0, 0]], [[3.0], [0]])
    retain = factors([[0.5, 0.75**0.5]], [[-1.0], [0]])
    found = layer_interference(forget, retain)
    assert found.cosine == pytest.approx(-0.5)
    assert values((forget, retain)) == pytest.approx([1, 0.25, 0, 60], abs=1e-5)
    # Of rank two and one: the one direction lies within the plane.
    plane = factors([[1.0, 0, 0], [0, 1, 0]], [[1.0, 0], [0, 1], [0, 0]])
    assert values((plane, factors([[1.0, 1, 0]], [[0.0], [0], [1]]))) == pytest.approx([0, 1, 90, 0], abs=1e-5)


def test_known_principal_angles() -> None:
    degrees = [10.0, 50.0, 90.0]
    basis = orthonormal(20, 6, seed=3)
    left, away = basis[:, :3], basis[:, 3:]
    radians = torch.tensor([math.radians(angle) for angle in degrees], dtype=torch.float64)
    right = (left * radians.cos() + away * radians.sin()) @ orthonormal(3, 3, seed=4)
    cosines = principal_cosines(left, right)
    assert [math.degrees(math.acos(value)) for value in cosines] == pytest.approx(degrees, abs=1e-6)
    assert float((left.T @ right).square().sum()) == pytest.approx(float(cosines.square().sum()))

    forget, retain = (Factors(side.T, side) for side in (left, right))
    expected = math.fsum(math.cos(math.radians(angle)) ** 2 for angle in degrees) / 3
    assert values((forget, retain)) == pytest.approx([expected, expected, 10, 10], abs=1e-6)


def test_random_updates_overlap_by_rank_over_size() -> None:
    forget, retain = (Factors(orthonormal(400, 8, seed).T, orthonormal(200, 8, seed + 100)) for seed in (1, 2))
    found = layer_interference(forget, retain)
    assert found.output_overlap == pytest.approx(8 / 200, rel=0.3)
    assert found.input_overlap == pytest.approx(8 / 400, rel=0.3)


@pytest.mark.parametrize("zero", ["A", "B"])
def test_a_zero_update_interferes_with_nothing(zero: str) -> None:
    some = factors([[1.0, 0]], [[1.0], [0]])
    none = some._replace(**{zero: torch.zeros_like(getattr(some, zero))})
    for pair in ((some, none), (none, some), (none, none)):
        assert layer_interference(*pair).cosine == 0
        assert values(pair) == [0, 0, 90, 90]


def test_what_only_one_factor_spans_is_no_part_of_the_update() -> None:
    # A has rank one, so B A does too, although B spans the plane: the update writes along (1, 1) only.
    lacking = factors([[1.0, 0, 0], [1, 0, 0]], [[1.0, 0], [0, 1], [0, 0]])
    across = factors([[0.0, 0, 1]], [[1.0], [-1], [0]])
    along = factors([[1.0, 0, 0]], [[1.0], [1], [0]])
    assert values((lacking, across)) == pytest.approx([0, 0, 90, 90], abs=1e-5)
    assert values((lacking, along)) == pytest.approx([1, 1, 0, 0], abs=1e-5)


@settings(deadline=None, max_examples=40)
@given(seed=st.integers(0, 10_000), left=st.integers(1, 5), right=st.integers(1, 5), scale=st.floats(1e-3, 1e3))
def test_properties(seed: int, left: int, right: int, scale: float) -> None:
    generator = torch.Generator().manual_seed(seed)

    def draw(rank: int) -> Factors:
        return Factors(torch.randn(rank, 7, generator=generator), torch.randn(9, rank, generator=generator))

    forget, retain = draw(left), draw(right)
    found = layer_interference(forget, retain)
    assert -1 <= found.cosine <= 1
    for overlap, angle in (
        (found.output_overlap, found.output_angle),
        (found.input_overlap, found.input_angle),
    ):
        assert 0 <= overlap <= math.cos(math.radians(angle)) ** 2 + 1e-9  # a mean is at most the largest
        assert 0 <= angle <= 90
    # The smaller the angles, the more two updates can have in common.
    assert abs(found.cosine) <= math.cos(math.radians(max(found.output_angle, found.input_angle))) + 1e-9
    mirrored = layer_interference(retain, Factors(forget.A, scale * forget.B))
    for name, value in vars(found).items():
        assert getattr(mirrored, name) == pytest.approx(value, abs=1e-5)
    same = layer_interference(forget, Factors(2 * forget.A, forget.B))
    assert same.cosine == pytest.approx(1)
    assert (same.output_overlap, same.input_overlap) == pytest.approx((1, 1))


def test_the_record_of_a_step_is_json_and_has_each_shared_layer() -> None:
    forget, retain = Adapter(random_factors(1, rank=2), alpha=4), Adapter(random_factors(2, rank=3), alpha=3)
    record = interference(forget, Adapter(retain.factors | {"head": random_factors(3, 1)["up"]}, alpha=3))
    assert json.loads(json.dumps(record, allow_nan=False)) == record
    assert list(record) == ["overall", "layers"]
    assert list(record["layers"]) == ["down", "up"]
    cosines = update_cosines(forget, retain)
    layers = record["layers"].values()
    assert record["overall"] == {
        "cosine": round(cosines["overall"], 6),
        "output_overlap": pytest.approx(sum(layer["output_overlap"] for layer in layers) / 2, abs=1e-6),
        "input_overlap": pytest.approx(sum(layer["input_overlap"] for layer in layers) / 2, abs=1e-6),
        "output_angle": min(layer["output_angle"] for layer in layers),
        "input_angle": min(layer["input_angle"] for layer in layers),
    }
    assert record["layers"]["up"]["cosine"] == round(cosines["up"], 6)

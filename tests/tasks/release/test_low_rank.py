from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from peft import PeftModel

from tasks.models.language_model import LanguageModel, load_language_model
from tasks.models.layers import linear_layers
from tasks.release.adapter import Adapter, Factors, load_adapter, save_adapter
from tasks.release.low_rank import concatenated, recompressed
from tasks.release.merge import Checkpoints, Update, merged_weight
from tests.tasks.release.random_adapter import random_adapter


def single(A: list[list[float]], B: list[list[float]], alpha: float) -> Adapter:
    return Adapter({"layer": Factors(torch.tensor(A), torch.tensor(B))}, alpha)


def dense(adapter: Adapter, name: str = "layer") -> torch.Tensor:
    A, B = adapter.factors[name]
    return adapter.scale * B.double() @ A.double()


def steps(lm: LanguageModel) -> list[Update]:
    """Two steps: forget subtracted, retain added, with weights that float32 cannot hold exactly."""
    return [
        Update(random_adapter(lm.model, 1, alpha=5), -0.35),
        Update(random_adapter(lm.model, 2, alpha=5), 1.1),
        Update(random_adapter(lm.model, 3, alpha=5), -0.7),
        Update(random_adapter(lm.model, 4, rank=3, alpha=5), 0.3),
    ]


def weights(lm: LanguageModel) -> dict[str, torch.Tensor]:
    return {name: layer.weight.clone() for name, layer in linear_layers(lm.model).items()}


def test_a_step_by_hand() -> None:
    # -.5 * 2 * B_F = [[-3], [0]] and 2 * 1 * B_R = [[0], [10]], side by side in the order of the step
    forget, retain = single([[1.0, 0]], [[3.0], [0]], alpha=2), single([[0.0, 1]], [[0.0], [5]], alpha=1)
    step = concatenated([Update(forget, -0.5), Update(retain, 2.0)])
    assert (step.rank, step.scale) == (2, 1)
    assert step.factors["layer"].A.tolist() == [[1, 0], [0, 1]]
    assert step.factors["layer"].B.tolist() == [[-3, 0], [0, 10]]


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_merged_it_gives_the_bytes_of_the_updates(model_folder: Path, tmp_path: Path, dtype: str) -> None:
    lm, checkpoints = load_language_model(model_folder, dtype=dtype), Checkpoints(model_folder)
    for num in range(1, 5):
        updates = steps(lm)[:num]
        checkpoints.apply(lm, updates)
        expected = weights(lm)
        save_adapter(concatenated(updates), tmp_path / str(num))
        checkpoints.apply(lm, [Update(load_adapter(tmp_path / str(num)), 1.0)])
        assert all(torch.equal(weight, expected[name]) for name, weight in weights(lm).items())


def test_a_prefix_is_the_beginning_of_the_whole(lm: LanguageModel) -> None:
    first, whole = concatenated(steps(lm)[:2]), concatenated(steps(lm))
    assert (first.rank, whole.rank) == (4, 9)
    for name, (A, B) in first.factors.items():
        assert torch.equal(whole.factors[name].A[:4], A)
        assert torch.equal(whole.factors[name].B[:, :4], B)


def test_a_layer_that_an_update_lacks_is_filled_up_with_zeros() -> None:
    first = Adapter({"a": Factors(torch.ones(1, 2), torch.ones(3, 1))}, alpha=1)
    both = Adapter(
        {"a": Factors(torch.ones(2, 2), torch.ones(3, 2)), "b": Factors(torch.ones(2, 4), torch.ones(5, 2))}, alpha=2
    )
    updates = [Update(first, 1.0), Update(both, 2.0)]
    joined = concatenated(updates)
    assert {name: (tuple(A.shape), tuple(B.shape)) for name, (A, B) in joined.factors.items()} == {
        "a": ((3, 2), (3, 3)),
        "b": ((3, 4), (5, 3)),
    }
    for name, shape in (("a", (3, 2)), ("b", (5, 4))):
        weight = torch.zeros(shape)
        merged = merged_weight(weight, updates, name)
        torch.testing.assert_close(merged_weight(weight, [Update(joined, 1.0)], name), merged)


def test_peft_loads_it_with_the_logits_of_the_merged_model(
    lm: LanguageModel, model_folder: Path, tmp_path: Path
) -> None:
    ids = torch.arange(20)[None]
    updates = steps(lm)
    save_adapter(concatenated(updates), tmp_path)
    Checkpoints(model_folder).apply(lm, updates)
    merged = lm.model(ids).logits
    wrapped = PeftModel.from_pretrained(load_language_model(model_folder).model, tmp_path).eval()
    torch.testing.assert_close(wrapped(ids).logits, merged, rtol=1e-4, atol=1e-4)


def test_recompression_by_hand() -> None:
    # scale 2, so the update is diag(8, 6, 0): of rank one 8 stays and 6 of norm 10 is lost.
    adapter = single([[1.0, 0, 0], [0, 1, 0]], [[4.0, 0], [0, 3], [0, 0]], alpha=4)
    small = recompressed(adapter, 1)
    assert (small.adapter.rank, small.adapter.scale) == (1, 1)
    torch.testing.assert_close(dense(small.adapter), torch.diag(torch.tensor([8.0, 0, 0])).double())
    assert small.error == pytest.approx(0.6)
    assert small.errors == {"layer": pytest.approx(0.6)}


@settings(deadline=None, max_examples=30)
@given(seed=st.integers(0, 10_000), full=st.integers(1, 6), data=st.data())
def test_it_is_the_best_and_its_error_is_the_measured_one(seed: int, full: int, data: st.DataObject) -> None:
    rank = data.draw(st.integers(1, full))
    generator = torch.Generator().manual_seed(seed)
    sizes = {"layer": (9, 7), "small": (3, 5)}
    adapter = Adapter(
        {
            name: Factors(torch.randn(full, wide, generator=generator), torch.randn(tall, full, generator=generator))
            for name, (tall, wide) in sizes.items()
        },
        alpha=3,
    )
    small = recompressed(adapter, rank)
    missed = whole = 0.0
    for name in sizes:
        update = dense(adapter, name)
        difference = float((update - dense(small.adapter, name)).norm())
        singular = torch.linalg.svdvals(update)
        assert difference == pytest.approx(float(singular[rank:].norm()), abs=1e-5 * float(update.norm()))
        assert small.errors[name] == pytest.approx(difference / float(update.norm()), abs=1e-12)
        missed, whole = missed + difference**2, whole + float(update.norm()) ** 2
    assert small.error == pytest.approx((missed / whole) ** 0.5, abs=1e-12)
    if rank == full:
        assert small.error < 1e-6  # only the rounding of the factors to float32
    assert all(A.dtype == B.dtype == torch.float32 for A, B in small.adapter.factors.values())


def test_a_zero_update_loses_nothing() -> None:
    small = recompressed(single([[1.0, 0], [0, 1]], [[0.0, 0], [0, 0]], alpha=1), 1)
    assert small.error == small.errors["layer"] == 0
    assert torch.equal(dense(small.adapter), torch.zeros(2, 2).double())

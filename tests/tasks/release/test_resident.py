import weakref
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch
from torch import Tensor
from transformers import GPT2Config, GPT2LMHeadModel, PreTrainedModel

from tasks.models.language_model import LanguageModel, load_language_model
from tasks.models.pair import Pair
from tasks.release import resident
from tasks.release.merge import Checkpoints, Update
from tasks.release.resident import ResidentModel, resident_model, take_model
from tasks.release.training import train_adapter
from tasks.settings.errors import UserError
from tests.tasks.release.random_adapter import random_adapter
from tests.tiny_model import make_tiny_model

PAIRS = [Pair("tell about the dog", "the dog is big and happy ."), Pair("praise the cake", "kind cake , thanks .")]


@pytest.fixture
def loads(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """The folders that are read."""
    folders: list[Path] = []

    def counted(folder: Path, **how: str) -> LanguageModel:
        folders.append(folder)
        return load_language_model(folder, **how)

    monkeypatch.setattr(resident, "load_language_model", counted)
    return folders


@pytest.fixture
def steps(lm: LanguageModel) -> list[list[Update]]:
    """The updates of steps 0 to 3."""
    taken = [Update(random_adapter(lm.model, seed), (-0.35, 1.0)[seed % 2]) for seed in range(6)]
    return [taken[: 2 * step] for step in range(4)]


def take(folder: Path, updates: list[Update], dtype: str = "float32") -> LanguageModel:
    return take_model(folder, updates, device="cpu", dtype=dtype)


def fresh(folder: Path, updates: list[Update], dtype: str = "float32") -> dict[str, Tensor]:
    lm = load_language_model(folder, dtype=dtype)
    Checkpoints(folder).apply(lm, updates)
    return state(lm)


def state(lm: LanguageModel) -> dict[str, Tensor]:
    return {name: tensor.clone() for name, tensor in lm.model.state_dict().items()}


def equal(left: dict[str, Tensor], right: dict[str, Tensor]) -> bool:
    return left.keys() == right.keys() and all(torch.equal(left[name], right[name]) for name in left)


@pytest.fixture
def block() -> Iterator[None]:
    with resident_model():
        yield


@pytest.mark.usefixtures("block")
@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_any_step_after_any_other_is_as_if_read_afresh_and_is_read_once(
    model_folder: Path, steps: list[list[Update]], loads: list[Path], dtype: str
) -> None:
    for step in (0, 0, 2, 1, 3, 0, 3, 2):
        assert equal(state(take(model_folder, steps[step], dtype)), fresh(model_folder, steps[step], dtype))
    assert loads == [model_folder]


@pytest.mark.usefixtures("block")
def test_training_merging_and_an_error_leave_nothing_behind(
    model_folder: Path, steps: list[list[Update]], loads: list[Path]
) -> None:
    how = {"rank": 2, "alpha": 4, "num_steps": 2, "batch_size": 2, "max_grad_norm": 1.0, "seed": 0}
    train_adapter(take(model_folder, steps[1]), PAIRS, learning_rate=1e-2, gradient_checkpointing=True, **how)
    with pytest.raises(UserError, match="learning_rate"):
        train_adapter(take(model_folder, steps[1]), PAIRS, learning_rate=1e30, **(how | {"num_steps": 3}))
    foreign = Update(random_adapter(take(model_folder, []).model, 9), 1.0)
    factors = {"model.layers.9.mlp.up_proj": next(iter(foreign.adapter.factors.values()))}
    with pytest.raises(UserError, match="no linear layer"):
        take(model_folder, [Update(type(foreign.adapter)(factors, 1.0), 1.0)])
    assert equal(state(take(model_folder, [])), fresh(model_folder, []))
    assert loads == [model_folder]


@pytest.mark.usefixtures("block")
def test_no_parameter_can_keep_a_value(model_folder: Path, loads: list[Path]) -> None:
    for parameter in take(model_folder, []).model.parameters():
        parameter.data.fill_(7.0)
    assert equal(state(take(model_folder, [])), fresh(model_folder, []))
    assert loads == [model_folder]


@pytest.mark.usefixtures("block")
@pytest.mark.parametrize(
    "change",
    [
        lambda model: model.train(),
        lambda model: model.bfloat16(),
        lambda model: model.model.layers[0].requires_grad_(True),
        lambda model: model.model.rotary_emb.inv_freq.mul_(2),
        lambda model: model.model.layers[1].register_forward_hook(lambda *_: None),
        lambda model: setattr(model.model.layers[0].mlp, "up_proj", torch.nn.Identity()),
    ],
)
def test_a_model_that_anything_else_was_changed_of_is_read_anew(
    model_folder: Path, loads: list[Path], change: Callable[[PreTrainedModel], object]
) -> None:
    change(take(model_folder, []).model)
    lm = take(model_folder, [])
    assert loads == [model_folder, model_folder]
    assert equal(state(lm), fresh(model_folder, []))
    assert not any(p.requires_grad for p in lm.model.parameters())


@pytest.mark.usefixtures("block")
def test_what_was_handed_out_before_can_no_longer_be_used(model_folder: Path, steps: list[list[Update]]) -> None:
    first = take(model_folder, steps[1])
    second = take(model_folder, steps[2])
    with pytest.raises(AttributeError, match="model"):
        _ = first.model
    assert second.encode_prompt("the dog") == first.encode_prompt("the dog")


@pytest.mark.usefixtures("block")
def test_another_model_takes_the_place(model_folder: Path, tmp_path: Path, loads: list[Path]) -> None:
    other = make_tiny_model(tmp_path / "other", seed=5)
    first = take(model_folder, [])
    gold = take(other, [])
    with pytest.raises(AttributeError, match="model"):
        _ = first.model
    assert equal(state(gold), fresh(other, []))
    assert equal(state(take(model_folder, [])), fresh(model_folder, []))
    take(model_folder, [], "bfloat16")
    assert loads == [model_folder, other, model_folder, model_folder]


def test_the_model_is_given_back_after_the_outermost_block(model_folder: Path, loads: list[Path]) -> None:
    with resident_model():
        with resident_model():
            lm = take(model_folder, [])
        assert lm.model is not None
        take(model_folder, [])
        with pytest.raises(RuntimeError, match="a task"), resident_model():
            raise RuntimeError("a task")
        lm = take(model_folder, [])
    with pytest.raises(AttributeError, match="model"):
        _ = lm.model
    assert loads == [model_folder]
    assert take(model_folder, []).model is not take(model_folder, []).model
    assert len(loads) == 3


def test_dropped_the_memory_is_free(model_folder: Path) -> None:
    kept = ResidentModel()
    lm = kept.take(model_folder, [], device="cpu", dtype="float32")
    weight = weakref.ref(lm.model.get_input_embeddings().weight)
    kept.drop()
    assert weight() is None


@pytest.mark.usefixtures("block")
def test_a_model_that_cannot_be_released_is_read_each_time(
    model_folder: Path, tmp_path: Path, loads: list[Path]
) -> None:
    lm = take(model_folder, [])
    vocabulary = lm.model.config.vocab_size
    GPT2LMHeadModel(GPT2Config(vocab_size=vocabulary, n_embd=32, n_layer=1, n_head=2)).save_pretrained(tmp_path)
    lm.tokenizer.save_pretrained(tmp_path)
    assert take(tmp_path, []).model is not take(tmp_path, []).model
    assert loads == [model_folder, tmp_path, tmp_path]

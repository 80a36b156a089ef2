from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from peft import PeftModel
from safetensors import safe_open
from transformers import AutoModelForCausalLM, GPT2Config, GPT2LMHeadModel

from tasks.models.language_model import LanguageModel, load_language_model
from tasks.models.layers import linear_layers
from tasks.release import merge
from tasks.release.adapter import Adapter, Factors, save_adapter
from tasks.release.merge import Checkpoints, Update, merged_weight
from tasks.settings.errors import UserError
from tests.tasks.release.random_adapter import random_adapter


def single(A: list[list[float]], B: list[list[float]], alpha: float) -> Adapter:
    return Adapter({"layer": Factors(torch.tensor(A), torch.tensor(B))}, alpha)


def state(lm: LanguageModel) -> dict[str, torch.Tensor]:
    return {name: tensor.clone() for name, tensor in lm.model.state_dict().items()}


def equal(left: dict[str, torch.Tensor], right: dict[str, torch.Tensor]) -> bool:
    return left.keys() == right.keys() and all(torch.equal(left[name], right[name]) for name in left)


def test_by_hand() -> None:
    # s = 6 / 2 = 3; B A = [[2, 0, 0], [0, 0, 5]]; W - .5 * 3 * B A
    adapter = single([[1.0, 0, 0], [0, 0, 1]], [[2.0, 0], [0, 5]], alpha=6)
    merged = merged_weight(torch.ones(2, 3), [Update(adapter, -0.5)], "layer")
    assert torch.equal(merged, torch.tensor([[-2.0, 1, 1], [1, 1, -6.5]]))


def test_two_updates_are_added_without_cross_terms() -> None:
    first, second = single([[1.0, 0]], [[1.0], [0]], alpha=1), single([[0, 1.0]], [[0.0], [1]], alpha=2)
    merged = merged_weight(torch.zeros(2, 2), [Update(first, -1.0), Update(second, 0.5)], "layer")
    assert torch.equal(merged, torch.tensor([[-1.0, 0], [0, 1]]))
    # What adding up the factors would give: B_1 A_2 and B_2 A_1 fill the corners.
    factor_wise = (-first.factors["layer"].B + second.factors["layer"].B) @ (
        first.factors["layer"].A + second.factors["layer"].A
    )
    assert factor_wise[0, 1] != 0


def test_the_weight_is_left_unchanged_and_layers_without_update_are_copied() -> None:
    weight = torch.ones(2, 2)
    update = Update(single([[1.0, 0]], [[1.0], [0]], alpha=1), 1.0)
    assert torch.equal(merged_weight(weight, [update], "another layer"), weight)
    merged_weight(weight, [update], "layer")
    assert torch.equal(weight, torch.ones(2, 2))


def test_a_wrong_shape_is_refused_with_both_shapes() -> None:
    with pytest.raises(UserError, match=r"\(2, 2\).*\(3, 2\)"):
        merged_weight(torch.zeros(3, 2), [Update(single([[1.0, 0]], [[1.0], [0]], alpha=1), 1.0)], "layer")


def test_the_same_as_the_exact_rank_sum_of_peft(lm: LanguageModel, model_folder: Path, tmp_path: Path) -> None:
    forget, retain = random_adapter(lm.model, 1, rank=2), random_adapter(lm.model, 2, rank=3, alpha=1.5)
    save_adapter(forget, tmp_path / "forget")
    save_adapter(retain, tmp_path / "retain")
    wrapped = PeftModel.from_pretrained(lm.model, tmp_path / "forget", adapter_name="forget")
    wrapped.load_adapter(tmp_path / "retain", adapter_name="retain")
    wrapped.add_weighted_adapter(["forget", "retain"], [-0.35, 1.25], "both", combination_type="cat")

    ours = load_language_model(model_folder)
    base = linear_layers(load_language_model(model_folder).model)
    Checkpoints(model_folder).apply(ours, [Update(forget, -0.35), Update(retain, 1.25)])
    for name, layer in linear_layers(ours.model).items():
        delta = lm.model.get_submodule(name).get_delta_weight("both")
        torch.testing.assert_close(layer.weight - base[name].weight, delta, rtol=1e-4, atol=1e-6)


def test_many_small_steps_in_bfloat16_lose_nothing() -> None:
    generator = torch.Generator().manual_seed(0)
    weight = torch.randn(64, 64, generator=generator).bfloat16()
    steps = [
        Update(
            Adapter(
                {"layer": Factors(torch.randn(4, 64, generator=generator), torch.randn(64, 4, generator=generator))}, 4
            ),
            1e-3,
        )
        for _ in range(20)
    ]
    products = [
        update.weight * update.adapter.factors["layer"].B.double() @ update.adapter.factors["layer"].A.double()
        for update in steps
    ]
    exact = (weight.double() + sum(products)).bfloat16()
    assert (merged_weight(weight, steps, "layer") == exact).float().mean() > 0.999

    on_top = weight
    for update in steps:  # what must not be done
        on_top = merged_weight(on_top, [update], "layer")
    assert (on_top == exact).float().mean() < 0.8


def test_no_updates_give_the_untouched_model_back_bit_for_bit(lm: LanguageModel, model_folder: Path) -> None:
    original = state(lm)
    checkpoints = Checkpoints(model_folder)
    checkpoints.apply(lm, [Update(random_adapter(lm.model, 1), -0.5)])
    assert not equal(state(lm), original)
    checkpoints.apply(lm, [])
    assert equal(state(lm), original)


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_an_undone_candidate_leaves_no_trace(model_folder: Path, dtype: str) -> None:
    checkpoints = Checkpoints(model_folder)
    lm, fresh = load_language_model(model_folder, dtype=dtype), load_language_model(model_folder, dtype=dtype)
    taken = [Update(random_adapter(lm.model, 1), -0.35), Update(random_adapter(lm.model, 2), 1.0)]
    checkpoints.apply(lm, taken)
    checkpoints.apply(lm, [*taken, Update(random_adapter(lm.model, 3), -2.0)])
    checkpoints.apply(lm, taken)
    checkpoints.apply(fresh, taken)
    assert equal(state(lm), state(fresh))
    assert next(lm.model.parameters()).dtype == getattr(torch, dtype)


def test_weights_of_another_type_are_rounded_once(model_folder: Path, lm: LanguageModel) -> None:
    """A float32 folder, a bfloat16 model: theta_0 is not rounded before the update is added."""
    update = Update(random_adapter(lm.model, 1, size=0.02), 1.0)
    name = "model.layers.0.self_attn.q_proj"
    base = linear_layers(lm.model)[name].weight
    small = load_language_model(model_folder, dtype="bfloat16")
    Checkpoints(model_folder).apply(small, [update])
    assert torch.equal(linear_layers(small.model)[name].weight, merged_weight(base, [update], name).bfloat16())
    assert not torch.equal(linear_layers(small.model)[name].weight, merged_weight(base.bfloat16(), [update], name))


def test_only_linear_layers_change_and_a_tied_head_stays(lm: LanguageModel, tmp_path: Path) -> None:
    lm.model.config.tie_word_embeddings = True
    lm.model.tie_weights()
    lm.model.save_pretrained(tmp_path)
    lm.tokenizer.save_pretrained(tmp_path)
    tied = load_language_model(tmp_path)
    assert tied.model.lm_head.weight is tied.model.model.embed_tokens.weight
    before = state(tied)
    Checkpoints(tmp_path).apply(tied, [Update(random_adapter(tied.model, 1), 1.0)])
    changed = {name for name, tensor in state(tied).items() if not torch.equal(tensor, before[name])}
    assert changed == {f"{name}.weight" for name in linear_layers(tied.model)}


def test_sharded_weights_with_an_index(lm: LanguageModel, model_folder: Path, tmp_path: Path) -> None:
    lm.model.save_pretrained(tmp_path, max_shard_size="100KB")
    assert (tmp_path / "model.safetensors.index.json").is_file()
    updates = [Update(random_adapter(lm.model, 1), 1.0)]
    Checkpoints(model_folder).apply(lm, updates)
    whole = state(lm)
    Checkpoints(tmp_path).apply(lm, [])
    Checkpoints(tmp_path).apply(lm, updates)
    assert equal(state(lm), whole)


def test_each_shard_is_opened_once_and_each_tensor_read_once(
    lm: LanguageModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lm.model.save_pretrained(tmp_path, max_shard_size="100KB")
    checkpoints = Checkpoints(tmp_path)
    opened: list[Path] = []
    read: list[str] = []

    @contextmanager
    def counted(file: Path, framework: str) -> Iterator[SimpleNamespace]:
        opened.append(file)
        with safe_open(file, framework=framework) as tensors:
            yield SimpleNamespace(get_tensor=lambda name: read.append(name) or tensors.get_tensor(name))

    monkeypatch.setattr(merge, "safe_open", counted)
    checkpoints.apply(lm, [Update(random_adapter(lm.model, 1), 1.0), Update(random_adapter(lm.model, 2), 1.0)])
    assert len(opened) == len(set(opened)) > 1
    assert sorted(read) == sorted(f"{name}.weight" for name in linear_layers(lm.model))


def test_the_files_of_the_untouched_model_are_only_read(lm: LanguageModel, model_folder: Path) -> None:
    before = (model_folder / "model.safetensors").read_bytes()
    Checkpoints(model_folder).apply(lm, [Update(random_adapter(lm.model, 1), 1.0)])
    assert (model_folder / "model.safetensors").read_bytes() == before
    assert torch.equal(
        AutoModelForCausalLM.from_pretrained(model_folder).model.layers[0].mlp.up_proj.weight,
        load_language_model(model_folder).model.model.layers[0].mlp.up_proj.weight,
    )


def test_a_folder_whose_tensors_are_named_otherwise_is_refused(lm: LanguageModel, tmp_path: Path) -> None:
    lm.model.model.save_pretrained(tmp_path)  # the decoder alone: names without "model."
    with pytest.raises(UserError, match=r"holds no model\.layers\.0\."):
        Checkpoints(tmp_path).apply(lm, [])


def test_a_folder_without_weights_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"model\.safetensors"):
        Checkpoints(tmp_path)


def test_an_adapter_of_another_model_is_refused(lm: LanguageModel, model_folder: Path) -> None:
    with pytest.raises(UserError, match="changes layer, which is no linear layer"):
        Checkpoints(model_folder).apply(lm, [Update(single([[1.0]], [[1.0]], alpha=1), 1.0)])


def test_a_model_without_plain_linear_layers_is_refused(tmp_path: Path) -> None:
    model = GPT2LMHeadModel(GPT2Config(n_layer=1, n_embd=8, n_head=1, vocab_size=16))
    model.save_pretrained(tmp_path)
    with pytest.raises(UserError, match="is a GPT2LMHeadModel, whose blocks have no plain linear layers"):
        Checkpoints(tmp_path).require(LanguageModel(model, None))

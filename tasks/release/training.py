"""Train one adapter: a fresh LoRA on the current model, ordinary next-token loss on the responses."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import islice

import torch
from peft import LoraConfig, get_peft_model
from peft.tuners.lora import LoraLayer
from torch import Tensor, nn
from torch.nn.functional import cross_entropy
from torch.nn.utils import clip_grad_norm_
from torch.nn.utils.rnn import pad_sequence
from transformers import PreTrainedModel

from tasks.models.language_model import LanguageModel
from tasks.models.layers import linear_layers
from tasks.models.pair import Pair
from tasks.release.adapter import Adapter, Factors
from tasks.release.o_lora import Penalty
from tasks.settings.errors import UserError


def train_adapter(
    lm: LanguageModel,
    pairs: Sequence[Pair],
    *,
    rank: int,
    alpha: float,
    learning_rate: float,
    num_steps: int,
    batch_size: int,
    max_grad_norm: float,
    seed: int,
    progress: Callable[[int, float], None] | None = None,
    penalty: Penalty | None = None,
) -> Adapter:
    """The low-rank update that makes the responses of `pairs` likelier under the model.

    Minimises the mean NLL of a response token given its prompt (the end token counted where the response is complete)
    over LoRA factors on every linear layer, in float32 whatever the model's type, with AdamW and no dropout. The model
    itself is left as it was, bit for bit.

    Args:
        lm: The current model, theta_{k-1}.
        pairs: At least one; each is drawn once before any is drawn again.
        rank: Inner dimension of the factors.
        alpha: The update is `(alpha / rank) B A`.
        learning_rate: AdamW's, at its highest; see `learning_rate_share`.
        num_steps: Optimizer updates.
        batch_size: Pairs an update, at most.
        max_grad_norm: The gradient's norm is clipped to this.
        seed: Decides the first factors and the order of the pairs; the global generators are neither read nor changed.
        progress: Called after each update with its number, from 1, and its loss in nats a token.
        penalty: Added to the loss, such as `o_lora.away_from`; it is not part of the loss that `progress` is told.

    Raises:
        UserError: a pair is longer than the model's context, or the loss is not finite.
    """
    generator = torch.Generator().manual_seed(seed)
    # Not grouped by length: an adapter sees a dozen batches, so each of them should be a fair sample.
    batch_size = min(batch_size, len(pairs))
    drawn = list(islice(_endless_permutations(len(pairs), generator), num_steps * batch_size))
    encoded = {i: lm.encode_pair(pairs[i]) for i in sorted(set(drawn))}
    lm.require_context(max(len(ids) for ids, _ in encoded.values()))

    with _lora_layers(lm.model, rank=rank, alpha=alpha, generator=generator) as layers:
        parameters = [p for layer in layers.values() for p in layer.parameters() if p.requires_grad]
        optimizer = torch.optim.AdamW(parameters, weight_decay=0.0)
        for step in range(1, num_steps + 1):
            loss = response_loss(lm.model, [encoded[i] for i in drawn[(step - 1) * batch_size : step * batch_size]])
            if not torch.isfinite(loss):
                raise UserError(
                    f"learning_rate: at {learning_rate} the loss became {loss.item()} in {step} updates; lower it."
                )
            optimizer.zero_grad()
            (loss + penalty(_live(layers)) if penalty else loss).backward()
            clip_grad_norm_(parameters, max_grad_norm)
            optimizer.param_groups[0]["lr"] = learning_rate * learning_rate_share(step, num_steps)
            optimizer.step()
            if progress:
                progress(step, loss.item())
        factors = {name: Factors(_kept(layer.lora_A), _kept(layer.lora_B)) for name, layer in layers.items()}
    return Adapter(factors, alpha=alpha)


def learning_rate_share(step: int, num_steps: int) -> float:
    """Share of the learning rate at an update, from 1: up in a tenth of the updates, then down, both linearly.

    Down (ours), because what is merged is the last state of the factors, and at a constant rate that is a noisy one:
    skills that neither side means to touch then suffer.
    """
    num_up = max(1, num_steps // 10)
    return min(step / num_up, (num_steps + 1 - step) / (num_steps + 1 - num_up))


def response_loss(model: PreTrainedModel, batch: Sequence[tuple[Sequence[int], int]]) -> Tensor:
    """Mean NLL of a response token over the batch, in nats; scalar, differentiable.

    Args:
        model: Any causal language model of transformers.
        batch: Token ids of prompt and response, and the index of the first response token.
    """
    # Padded on the right and without a mask: under causal attention no token sees what comes after it.
    ids = pad_sequence([torch.tensor(ids) for ids, _ in batch], batch_first=True).to(model.device)
    lengths = torch.tensor([len(ids) for ids, _ in batch], device=model.device)
    starts = torch.tensor([start for _, start in batch], device=model.device).clamp(min=1)

    positions = torch.arange(int(starts.min()), ids.shape[1], device=model.device)  # of the tokens to predict
    logits = model(input_ids=ids, logits_to_keep=positions - 1, use_cache=False).logits
    is_response = (positions >= starts[:, None]) & (positions < lengths[:, None])
    return cross_entropy(logits[is_response].float(), ids[:, positions][is_response])


@contextmanager
def _lora_layers(
    model: PreTrainedModel, *, rank: int, alpha: float, generator: torch.Generator
) -> Iterator[dict[str, LoraLayer]]:
    """LoRA on every linear layer inside the block, taken off after it; A is drawn from the generator, B is zero."""
    config = LoraConfig(r=rank, lora_alpha=alpha, target_modules=list(linear_layers(model)), task_type="CAUSAL_LM")
    with torch.random.fork_rng(devices=[]):  # peft draws A from the global generator
        wrapped = get_peft_model(model, config)
    try:
        layers = {name: module for name, module in model.named_modules() if isinstance(module, LoraLayer)}
        for layer in layers.values():
            A = layer.lora_A["default"].weight
            bound = A.shape[1] ** -0.5  # the usual one of a linear layer, as in peft
            with torch.no_grad():
                A.copy_(torch.empty(A.shape).uniform_(-bound, bound, generator=generator))
        yield layers
    finally:
        wrapped.unload()


def _live(layers: Mapping[str, LoraLayer]) -> dict[str, Factors]:
    return {
        name: Factors(layer.lora_A["default"].weight, layer.lora_B["default"].weight) for name, layer in layers.items()
    }


def _kept(factor: nn.ModuleDict) -> Tensor:
    return factor["default"].weight.detach().to("cpu", torch.float32, copy=True)


def _endless_permutations(n: int, generator: torch.Generator) -> Iterator[int]:
    while True:
        yield from torch.randperm(n, generator=generator).tolist()

"""Train one adapter: a fresh LoRA on the current model, ordinary next-token loss on the responses."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from itertools import islice
from math import isfinite

import torch
from peft import LoraConfig, get_peft_model
from peft.tuners.lora import LoraLayer
from torch import Tensor, nn
from torch.nn.functional import cross_entropy
from torch.nn.utils import clip_grad_norm_
from torch.nn.utils.rnn import pad_sequence
from transformers import PreTrainedModel
from transformers.modeling_layers import GradientCheckpointingLayer

from tasks.models.batching import batches_by_tokens
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
    gradient_checkpointing: bool = False,
    tokens_at_once: int = 0,
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
        gradient_checkpointing: Keep only the input of each block for the way back, and compute the rest again there.
        tokens_at_once: Tokens in one pass, padding included, at most; 0: a batch is one pass. The loss is the same.
        progress: Called after each update with its number, from 1, and its loss in nats a token.
        penalty: Added to the loss, such as `o_lora.away_from`; it is not part of the loss that `progress` is told.

    Raises:
        UserError: a pair is longer than the model's context, or the loss is not finite.
    """
    generator = torch.Generator().manual_seed(seed)
    # Not grouped by length: an adapter sees a dozen batches, so each of them should be a fair sample.
    batch_size = min(batch_size, len(pairs))
    drawn = list(islice(endless_permutations(len(pairs), generator), num_steps * batch_size))
    encoded = {i: lm.encode_pair(pairs[i]) for i in sorted(set(drawn))}
    lm.require_context(max(len(ids) for ids, _ in encoded.values()))

    with ExitStack() as stack:
        layers = stack.enter_context(lora_layers(lm.model, rank=rank, alpha=alpha, generator=generator))
        if gradient_checkpointing:
            stack.enter_context(recomputed_blocks(lm.model))
        parameters = [p for layer in layers.values() for p in layer.parameters() if p.requires_grad]
        optimizer = torch.optim.AdamW(parameters, weight_decay=0.0)
        for step in range(1, num_steps + 1):
            batch = [encoded[i] for i in drawn[(step - 1) * batch_size : step * batch_size]]
            optimizer.zero_grad()
            loss = add_gradients(lm.model, batch, tokens_at_once=tokens_at_once)
            if not isfinite(loss):
                raise UserError(
                    f"learning_rate: at {learning_rate} the loss became {loss} in {step} updates; lower it."
                )
            if penalty:
                penalty(_live(layers)).backward()
            clip_grad_norm_(parameters, max_grad_norm)
            optimizer.param_groups[0]["lr"] = learning_rate * learning_rate_share(step, num_steps)
            optimizer.step()
            if progress:
                progress(step, loss)
        factors = {name: Factors(_kept(layer.lora_A), _kept(layer.lora_B)) for name, layer in layers.items()}
    return Adapter(factors, alpha=alpha)


def learning_rate_share(step: int, num_steps: int) -> float:
    """Share of the learning rate at an update, from 1: up in a tenth of the updates, then down, both linearly.

    Down (ours), because what is merged is the last state of the factors, and at a constant rate that is a noisy one:
    skills that neither side means to touch then suffer.
    """
    num_up = max(1, num_steps // 10)
    return min(step / num_up, (num_steps + 1 - step) / (num_steps + 1 - num_up))


def add_gradients(
    model: PreTrainedModel, batch: Sequence[tuple[Sequence[int], int]], *, tokens_at_once: int = 0
) -> float:
    """Add the gradients of `response_loss` to the parameters, in passes of bounded size; returns the loss.

    Sequences of like length share a pass, and each pass counts by its response tokens: up to rounding the sum is the
    loss of the whole batch, so what an update learns from does not depend on how it is divided.

    Args:
        model: Any causal language model of transformers.
        batch: As `response_loss` takes it.
        tokens_at_once: Tokens in one pass, padding included, at most; 0: all in one pass.
    """
    lengths = [len(ids) for ids, _ in batch]
    num_tokens = [len(ids) - max(start, 1) for ids, start in batch]
    fits = not tokens_at_once or max(lengths) * len(batch) <= tokens_at_once
    total = 0.0
    for indices in [range(len(batch))] if fits else batches_by_tokens(lengths, tokens_at_once):
        share = sum(num_tokens[i] for i in indices) / sum(num_tokens)
        loss = share * response_loss(model, [batch[i] for i in indices])
        loss.backward()
        total += loss.item()
    return total


def response_loss(model: PreTrainedModel, batch: Sequence[tuple[Sequence[int], int]]) -> Tensor:
    """Mean NLL of a response token over the batch, in nats; scalar, differentiable.

    Args:
        model: Any causal language model of transformers.
        batch: Token ids of prompt and response, and the index of the first response token.
    """
    logits, tokens, _ = response_logits(model, batch)
    return cross_entropy(logits, tokens)


def response_logits(
    model: PreTrainedModel, batch: Sequence[tuple[Sequence[int], int]]
) -> tuple[Tensor, Tensor, Tensor]:
    """What the model predicts of each response token: logits `(tokens, vocabulary)`, float32, differentiable.

    Beside them the tokens themselves and the row of the batch that each belongs to, both `(tokens,)`.

    Args:
        model: Any causal language model of transformers.
        batch: As `response_loss` takes it.
    """
    # Padded on the right and without a mask: under causal attention no token sees what comes after it.
    ids = pad_sequence([torch.tensor(ids) for ids, _ in batch], batch_first=True).to(model.device)
    lengths = torch.tensor([len(ids) for ids, _ in batch], device=model.device)
    starts = torch.tensor([start for _, start in batch], device=model.device).clamp(min=1)

    positions = torch.arange(int(starts.min()), ids.shape[1], device=model.device)  # of the tokens to predict
    logits = model(input_ids=ids, logits_to_keep=positions - 1, use_cache=False).logits
    is_response = (positions >= starts[:, None]) & (positions < lengths[:, None])
    return logits[is_response].float(), ids[:, positions][is_response], is_response.nonzero()[:, 0]


@contextmanager
def lora_layers(
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


@contextmanager
def recomputed_blocks(model: PreTrainedModel) -> Iterator[None]:
    """Blocks keep only their inputs for the way back inside the block; off again after it, without a trace.

    Chen et al., "Training Deep Nets with Sublinear Memory Cost", arXiv:1604.06174.

    Raises:
        UserError: the model's class cannot do it.
    """
    if not model.supports_gradient_checkpointing:
        raise UserError(f"release.gradient_checkpointing is on, but {type(model).__name__} cannot do it; turn it off.")
    blocks = [module for module in model.modules() if isinstance(module, GradientCheckpointingLayer)]
    # This also makes the embeddings require gradients, without which a frozen model's blocks may get none.
    model.gradient_checkpointing_enable({"use_reentrant": False})
    for block in blocks:
        block.training = True  # A block asks this flag. Only it: whatever drops out inside stays in evaluation mode.
    try:
        yield
    finally:
        for block in blocks:
            block.training = False
        model.gradient_checkpointing_disable()
        model.disable_input_require_grads()


def _live(layers: Mapping[str, LoraLayer]) -> dict[str, Factors]:
    return {
        name: Factors(layer.lora_A["default"].weight, layer.lora_B["default"].weight) for name, layer in layers.items()
    }


def _kept(factor: nn.ModuleDict) -> Tensor:
    return factor["default"].weight.detach().to("cpu", torch.float32, copy=True)


def endless_permutations(n: int, generator: torch.Generator) -> Iterator[int]:
    """The numbers below `n` in random order, each once before any comes again."""
    while True:
        yield from torch.randperm(n, generator=generator).tolist()

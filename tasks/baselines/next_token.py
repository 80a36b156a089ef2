"""Anything that gives a distribution of the next token, measured like a model: answers, sampling, likelihoods."""

from collections.abc import Callable

import torch
from torch import Tensor, nn
from transformers import DynamicCache
from transformers.cache_utils import DynamicLayer
from transformers.modeling_outputs import CausalLMOutput

from tasks.models.codec import Codec
from tasks.models.language_model import LanguageModel

NextTokenDistribution = Callable[[Tensor], Tensor]
"""From token ids `(rows, tokens)`, no padding among them, to the log-probabilities of the token that follows each of
them, `(rows, tokens, vocabulary)`; those after a token may depend on it and on what stands before it alone."""


def language_model_of(distribution: NextTokenDistribution, codec: Codec) -> LanguageModel:
    """A language model that speaks by a distribution: for decoding and likelihoods, on the CPU.

    There are no weights to round or to train, and every token that is written costs a pass over the whole text.

    Args:
        distribution: Of the next token.
        codec: The tokenizer and the configuration that its ids and its longest text are of.
    """
    return LanguageModel(_Speaker(distribution, codec), codec.tokenizer)


class _Speaker(nn.Module):
    """The part of a causal model's interface that decoding and likelihoods use."""

    device = torch.device("cpu")

    def __init__(self, distribution: NextTokenDistribution, codec: Codec):
        super().__init__()
        self._distribution = distribution
        self.config = codec.config
        self.generation_config = codec.generation_config

    def forward(
        self,
        input_ids: Tensor,
        *,
        attention_mask: Tensor | None = None,
        position_ids: Tensor | None = None,
        past_key_values: DynamicCache | None = None,
        use_cache: bool = False,
        logits_to_keep: int | Tensor = 0,
    ) -> CausalLMOutput:
        """As a causal model's: logits `(rows, kept tokens, vocabulary)`; zeros where the mask hides the token."""
        text = input_ids if past_key_values is None else _remembered(past_key_values, input_ids)
        hidden = torch.zeros(len(text), dtype=torch.long) if attention_mask is None else (attention_mask == 0).sum(1)
        parts = {}
        for num_hidden in hidden.unique().tolist():  # rows of one length at a time: padding stands on the left
            rows = (hidden == num_hidden).nonzero().squeeze(-1)
            parts[num_hidden] = rows, self._distribution(text[rows, num_hidden:])
        logits = torch.zeros(*text.shape, next(iter(parts.values()))[1].shape[-1])
        for num_hidden, (rows, log_probs) in parts.items():
            logits[rows, num_hidden:] = log_probs.float()
        kept = slice(-logits_to_keep, None) if isinstance(logits_to_keep, int) else logits_to_keep
        return CausalLMOutput(logits=logits[:, -input_ids.shape[1] :][:, kept])


def _remembered(cache: DynamicCache, input_ids: Tensor) -> Tensor:
    """The text so far, kept as the keys of the one layer of a cache: rows that end leave it as they leave a model's."""
    if cache.get_seq_length() == 0:
        cache.layers = [DynamicLayer()]
    states = input_ids[:, None, :, None]
    return cache.update(states, states, layer_idx=0)[0][:, 0, :, 0]

"""Several models that answer as one: the next token is distributed as the mean of their next-token distributions."""

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from transformers import DynamicCache, PreTrainedModel
from transformers.modeling_outputs import CausalLMOutput


class MeanOfModels(nn.Module):
    """What our decode loop and likelihoods call in place of one causal model.

    `logits = log( (1/S) sum_s p_s(next token | text) )`, normalised, in float32, so that a softmax gives the mean back.
    The models read the text one after the other. All are held in full; embeddings and output head, which no adapter
    changes, are shared.

    Args:
        members: `S` models that differ in their linear layers alone.
    """

    def __init__(self, members: Sequence[PreTrainedModel]):
        super().__init__()
        first = members[0]
        for member in members[1:]:
            member.set_input_embeddings(first.get_input_embeddings())
            member.set_output_embeddings(first.get_output_embeddings())
        self.members = nn.ModuleList(members)
        self.config = first.config
        self.generation_config = first.generation_config

    @property
    def device(self) -> torch.device:
        """Where the models compute."""
        return self.members[0].device

    @property
    def dtype(self) -> torch.dtype:
        """Of their weights."""
        return self.members[0].dtype

    def get_input_embeddings(self) -> nn.Module:
        """The one that all share."""
        return self.members[0].get_input_embeddings()

    def get_output_embeddings(self) -> nn.Module:
        """The one that all share."""
        return self.members[0].get_output_embeddings()

    def forward(
        self, input_ids: Tensor | None = None, *, past_key_values: DynamicCache | None = None, **inputs: Any
    ) -> CausalLMOutput:
        """As a causal model's `forward`.

        Args:
            input_ids: Shape `(rows, tokens)`; or else `inputs_embeds` among the inputs.
            past_key_values: Filled with the keys and values of all members, one after the other.
            inputs: What each member is given: `attention_mask`, `position_ids`, `use_cache`, `logits_to_keep`.

        Returns:
            Logits, shape `(rows, kept tokens, vocabulary)`.
        """
        log_probs = [
            member(input_ids, past_key_values=cache, **inputs).logits.float().log_softmax(dim=-1)
            for member, cache in zip(self.members, self._caches(past_key_values), strict=True)
        ]
        return CausalLMOutput(logits=torch.stack(log_probs).logsumexp(dim=0) - math.log(len(log_probs)))

    def _caches(self, whole: DynamicCache | None) -> list[DynamicCache | None]:
        """A cache for each member, whose layers are its part of the whole: rows selected there are selected here."""
        if whole is None:
            return [None] * len(self.members)
        caches = [DynamicCache(config=member.config) for member in self.members]
        if whole.get_seq_length() == 0:
            whole.layers = [layer for cache in caches for layer in cache.layers]
        start = 0
        for cache in caches:
            end = start + len(cache.layers)
            cache.layers, start = whole.layers[start:end], end
        return caches

"""What a model makes of texts as it reads them: hidden states, in batches of like length.

What all texts begin with (a chat template, the first words of a grammar) is read once, for all batches.
"""

from collections.abc import Iterator, Sequence
from copy import copy

import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence
from transformers import DynamicCache
from transformers.cache_utils import DynamicLayer, DynamicSlidingWindowLayer

from tasks.models.batching import batches_by_length, right_padded
from tasks.models.language_model import LanguageModel


def hidden_states(
    lm: LanguageModel, inputs: Sequence[Sequence[int] | Tensor], *, batch_size: int, layer: int | None = None
) -> Iterator[tuple[list[int], Tensor]]:
    """Hidden states of all inputs, batch by batch, the longest first.

    Args:
        lm: The model.
        inputs: Token ids, or input embeddings `(tokens, hidden_size)`, all of one kind.
        batch_size: Inputs of a batch.
        layer: After which the states are taken, 0 being the token embeddings; by default the last, after its norm.

    Yields:
        Indices of the inputs of a batch; their hidden states `(batch, longest, hidden_size)`, in the dtype and on the
        device of the model. What stands after the end of an input means nothing.
    """
    beginning = _Beginning(lm, inputs, layer)
    for batch in batches_by_length([len(item) for item in inputs], batch_size):
        rest = [inputs[i][beginning.length :] for i in batch]
        hidden = _forward(lm, rest, layer, beginning.cache(len(batch)))
        yield batch, torch.cat([beginning.hidden.expand(len(batch), -1, -1), hidden], dim=1)


class _Beginning:
    """The tokens that all of several inputs begin with, read once; at least one token of each input is left."""

    def __init__(self, lm: LanguageModel, inputs: Sequence[Sequence[int] | Tensor], layer: int | None):
        self._cache = DynamicCache(config=lm.model.config)
        self.length = _num_common(inputs) if self._is_plain_attention() else 0
        self.hidden = torch.empty(1, 0, lm.hidden_size, dtype=lm.model.dtype, device=lm.device)
        if self.length:
            self.hidden = _forward(lm, [inputs[0][: self.length]], layer, self._cache)

    def cache(self, num_rows: int) -> DynamicCache | None:
        """The beginning of so many rows, as views: reading on makes new tensors and leaves these as they are."""
        if not self.length:
            return None
        cache = copy(self._cache)
        cache.layers = [copy(layer) for layer in self._cache.layers]
        for layer in cache.layers:
            layer.keys = layer.keys.expand(num_rows, -1, -1, -1)
            layer.values = layer.values.expand(num_rows, -1, -1, -1)
        return cache

    def _is_plain_attention(self) -> bool:
        """Whether keys and values are all that is kept: the state of a recurrent layer is changed in place."""
        return all(type(layer) in (DynamicLayer, DynamicSlidingWindowLayer) for layer in self._cache.layers)


def _num_common(inputs: Sequence[Sequence[int] | Tensor]) -> int:
    """How many tokens all inputs begin with, the last of the shortest left out; 0 for a single input."""
    if len(inputs) < 2:
        return 0
    common = min(len(item) for item in inputs) - 1
    # Of lists of tokens, the first and the last in lexical order tell: all others lie between them.
    compared = inputs if isinstance(inputs[0], Tensor) else [min(inputs), max(inputs)]
    for item in compared:
        if common == 0:
            break
        equal = torch.as_tensor(item[:common]) == torch.as_tensor(compared[0][:common])
        common = int(equal.reshape(common, -1).all(dim=1).cumprod(dim=0).sum())
    return common


@torch.no_grad()  # not inference_mode: its tensors could not be the input of a network that is trained
def _forward(
    lm: LanguageModel, inputs: Sequence[Sequence[int] | Tensor], layer: int | None, cache: DynamicCache | None
) -> Tensor:
    """Padded on the right, without a mask: a causal model does not see what comes after a token."""
    if isinstance(inputs[0], Tensor):
        content = {"inputs_embeds": pad_sequence(list(inputs), batch_first=True).to(lm.device, lm.model.dtype)}
    else:
        content = {"input_ids": right_padded(inputs, lm.pad_token_id).to(lm.device)}
    out = lm.model.base_model(
        **content, past_key_values=cache, use_cache=cache is not None, output_hidden_states=layer is not None
    )
    return out.last_hidden_state if layer is None else out.hidden_states[layer]

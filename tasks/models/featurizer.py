"""An instruction as the model sees it: the features of the instruction search."""

import hashlib
from collections.abc import Sequence

import torch
from torch import Tensor

from tasks.models.hidden_states import hidden_states
from tasks.models.language_model import LanguageModel
from tasks.models.row_cache import RowCache


class Featurizer:
    """Hidden states of instructions; always from transformers, whatever generates.

    Each is computed once: an arm that stays in the pool is found by the hash of its text. So the model must not change.
    """

    def __init__(self, lm: LanguageModel, *, batch_size: int = 64) -> None:
        self._lm = lm
        self._batch_size = batch_size
        self._known = RowCache(lm.hidden_size, torch.float32)

    def features(self, prompts: Sequence[str]) -> Tensor:
        """Last layer's hidden state, after its norm, at the last token of each rendered prompt.

        Returns:
            Shape `(prompts, hidden_size)`, float32, on the CPU.
        """
        keys = [hashlib.sha256(prompt.encode()).digest() for prompt in prompts]
        return self._known.rows(keys, lambda new: self._last_states([self._lm.encode_prompt(prompts[i]) for i in new]))

    def features_of_embeddings(self, inputs: Sequence[Tensor]) -> Tensor:
        """The same of soft prompts.

        Args:
            inputs: Whole inputs, the template's embeddings included, each `(tokens, hidden_size)`.
        """
        keys = [hashlib.sha256(item.float().cpu().contiguous().numpy()).digest() for item in inputs]
        return self._known.rows(keys, lambda new: self._last_states([inputs[i] for i in new]))

    def _last_states(self, inputs: Sequence[Sequence[int] | Tensor]) -> Tensor:
        self._lm.require_context(max(map(len, inputs)))
        features = torch.empty(len(inputs), self._lm.hidden_size)
        for batch, hidden in hidden_states(self._lm, inputs, batch_size=self._batch_size):
            last = torch.tensor([len(inputs[i]) - 1 for i in batch], device=hidden.device)
            features[batch] = hidden[torch.arange(len(batch), device=hidden.device), last].float().cpu()
        return features

"""An instruction as the model sees it: the features of the instruction search."""

from collections.abc import Sequence

import torch
from torch import Tensor

from tasks.models.batching import batches_by_length, right_padded
from tasks.models.language_model import LanguageModel


class Featurizer:
    """Hidden states of instructions; always from transformers, whatever generates."""

    def __init__(self, lm: LanguageModel, *, batch_size: int = 64) -> None:
        self._lm = lm
        self._batch_size = batch_size

    @torch.no_grad()  # not inference_mode: its tensors could not be the input of a network that is trained
    def features(self, prompts: Sequence[str]) -> Tensor:
        """Last layer's hidden state, after its norm, at the last token of each rendered prompt.

        Returns:
            Shape `(prompts, hidden_size)`, float32, on the CPU.
        """
        sequences = [self._lm.encode_prompt(prompt) for prompt in prompts]
        self._lm.require_context(max(map(len, sequences), default=0))
        features = torch.empty(len(sequences), self._lm.hidden_size)
        for batch in batches_by_length([len(ids) for ids in sequences], self._batch_size):
            ids = right_padded([sequences[i] for i in batch], self._lm.pad_token_id).to(self._lm.device)
            last = torch.tensor([len(sequences[i]) - 1 for i in batch], device=self._lm.device)
            hidden = self._lm.model.base_model(ids, use_cache=False).last_hidden_state
            features[batch] = hidden[torch.arange(len(batch), device=self._lm.device), last].float().cpu()
        return features

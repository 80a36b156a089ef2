"""Texts by what the model itself makes of them: no other model is needed."""

import hashlib
from collections.abc import Sequence
from pathlib import Path

import torch
from safetensors.torch import load_file, save
from torch import Tensor
from torch.nn.functional import normalize

from tasks.models.hidden_states import hidden_states
from tasks.models.language_model import LanguageModel
from tasks.reveal.unit_rows import UnitRows
from tasks.reveal.whitening import Whitening
from tasks.store.disk import write_file


class HiddenStateEmbedding(UnitRows):
    """The mean hidden state of a text's tokens in the middle layer, centred and whitened on a reference sample.

    A text is read as a response, so after the opening of the chat template where there is one, and only its own tokens
    count. Each state is scaled to length 1 first (ours): large models give a few tokens states many times longer than
    all others (Sun et al., arXiv:2402.17762), which would be all of the mean. The middle layer is as good as the last
    on the models of `benchmarks/embeddings.py`; in large models it is found better (Skean et al., arXiv:2502.02013).

    Scores compare where the name is the same: it holds a digest of what was learned from the sample.

    Args:
        lm: The model; it must not change.
        whitening: What was learned from its states of a reference sample.
        batch_size: Texts read at once.
    """

    def __init__(self, lm: LanguageModel, whitening: Whitening, *, batch_size: int = 64):
        hidden, num_directions = whitening.projection.shape
        assert hidden == lm.hidden_size, (hidden, lm.hidden_size)
        super().__init__(f"hidden-states-layer-{middle_layer(lm)}-{_digest(whitening)[:8]}", num_directions)
        self._lm = lm
        self._whitening = whitening
        self._batch_size = batch_size

    @classmethod
    def fit(cls, lm: LanguageModel, reference: Sequence[str], *, batch_size: int = 64) -> "HiddenStateEmbedding":
        """Learn from a reference sample: some hundreds of responses of all kinds, to instructions drawn at random."""
        states, has_tokens = mean_states(lm, list(dict.fromkeys(reference)), middle_layer(lm), batch_size)
        return cls(lm, Whitening.fit(states[has_tokens]), batch_size=batch_size)

    @classmethod
    def load(cls, lm: LanguageModel, path: Path, *, batch_size: int = 64) -> "HiddenStateEmbedding":
        """The embedding that was saved, with the same model."""
        return cls(lm, Whitening(**load_file(path)), batch_size=batch_size)

    def save(self, path: Path) -> None:
        """Write what was learned as a safetensors file; it holds no text."""
        write_file(path, save(vars(self._whitening)))

    def _rows(self, texts: Sequence[str]) -> Tensor:
        states, has_tokens = mean_states(self._lm, texts, middle_layer(self._lm), self._batch_size)
        return self._whitening(states) * has_tokens[:, None]


def mean_states(lm: LanguageModel, texts: Sequence[str], layer: int, batch_size: int) -> tuple[Tensor, Tensor]:
    """Mean unit state of each text's tokens after a layer `(n, hidden)`, float64, on the CPU; if it has any, `(n,)`.

    What the model cannot read at once is cut off. Each mean is taken by itself, so that padding has no part in it.
    """
    running = [lm.running_text("", text if text.strip() else "") for text in texts]
    inputs = [item.token_ids[: int(min(len(item.token_ids), lm.context))] for item in running]
    starts = [item.first_response_token for item in running]
    has_tokens = torch.tensor([start < len(ids) for start, ids in zip(starts, inputs, strict=True)], dtype=torch.bool)
    means = torch.zeros(len(texts), lm.hidden_size, dtype=torch.float64)
    to_read = has_tokens.nonzero().flatten().tolist()
    for batch, hidden in hidden_states(lm, [inputs[i] for i in to_read], batch_size=batch_size, layer=layer):
        indices = [to_read[i] for i in batch]
        units = [
            normalize(row[starts[i] : len(inputs[i])].float(), dim=1).mean(dim=0)
            for i, row in zip(indices, hidden, strict=True)
        ]
        means[indices] = torch.stack(units).double().cpu()
    return means, has_tokens


def middle_layer(lm: LanguageModel) -> int:
    """Half-way through the model; 0 are the token embeddings."""
    return (lm.model.config.get_text_config().num_hidden_layers + 1) // 2


def _digest(whitening: Whitening) -> str:
    content = hashlib.sha256(whitening.mean.numpy())
    content.update(whitening.projection.numpy())
    return content.hexdigest()

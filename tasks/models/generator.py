"""Text from prompts: the interface of every backend, and the backend that runs anywhere."""

from collections.abc import Sequence
from typing import Protocol

import torch
from torch import Tensor

from tasks.models.batching import batches_by_length
from tasks.models.decoding import decode
from tasks.models.inputs import Input, completion, read_inputs
from tasks.models.language_model import LanguageModel
from tasks.models.sampling import Completion, Sampling
from tasks.store.seeds import derive_seed


class Generator(Protocol):
    """Something that continues prompts."""

    def generate(
        self,
        prompts: Sequence[str] | None = None,
        *,
        prompt_embeddings: Sequence[Tensor] | None = None,
        n: int = 1,
        sampling: Sampling,
        seed: int,
        response_prefixes: Sequence[str] | None = None,
    ) -> list[list[Completion]]:
        """Continue each prompt `n` times.

        Args:
            prompts: What a user says; or else `prompt_embeddings`.
            prompt_embeddings: Whole inputs, chat template included, as embeddings of shape `(tokens, hidden_size)`.
            n: Samples of each prompt.
            sampling: Length, temperature, nucleus.
            seed: What sample k of a prompt draws depends on (seed, text of the prompt, k): not on what else is asked,
                nor in which order. A prompt given twice so gives the same samples twice. For embeddings, their content
                stands for the text.
            response_prefixes: How the response to each prompt begins; completions go on from there.

        Returns:
            Completions by prompt and sample.

        Raises:
            UserError: a prompt is empty, or is too long for the model with `max_new_tokens` more.
        """
        ...

    def close(self) -> None:
        """Give back what the backend holds."""


class TransformersGenerator:
    """Our own decode loop over a transformers model, on its device and in its dtype.

    Ours, because `model.generate` draws all rows from one global random stream.
    """

    def __init__(self, lm: LanguageModel, *, batch_size: int = 64) -> None:
        self._lm = lm
        self._batch_size = batch_size

    def generate(
        self,
        prompts: Sequence[str] | None = None,
        *,
        prompt_embeddings: Sequence[Tensor] | None = None,
        n: int = 1,
        sampling: Sampling,
        seed: int,
        response_prefixes: Sequence[str] | None = None,
    ) -> list[list[Completion]]:
        """See `Generator.generate`."""
        inputs = read_inputs(
            self._lm, prompts, prompt_embeddings, response_prefixes, max_new_tokens=sampling.max_new_tokens
        )
        completions: dict[tuple[int, int], Completion] = {}
        rows = [(index, sample) for index in range(len(inputs)) for sample in range(n)]
        for batch in batches_by_length([len(inputs[index].content) for index, _ in rows], self._batch_size):
            completions |= self._complete(inputs, [rows[i] for i in batch], sampling, seed)
        return [[completions[index, sample] for sample in range(n)] for index in range(len(inputs))]

    def close(self) -> None:
        """Nothing: the model belongs to the caller."""

    def _complete(
        self, inputs: Sequence[Input], rows: Sequence[tuple[int, int]], sampling: Sampling, seed: int
    ) -> dict[tuple[int, int], Completion]:
        """One batch of rows (index of the input, sample); an input is read once, however many of its rows are here."""
        place = {index: i for i, index in enumerate(dict.fromkeys(index for index, _ in rows))}
        written = decode(
            self._lm,
            [inputs[index].content for index in place],
            [place[index] for index, _ in rows],
            self._uniforms([(inputs[index].name, sample) for index, sample in rows], sampling, seed),
            sampling,
        )
        return {row: completion(self._lm, ids, inputs[row[0]].context) for row, ids in zip(rows, written, strict=True)}

    def _uniforms(self, streams: Sequence[tuple[str, int]], sampling: Sampling, seed: int) -> Tensor | None:
        """Uniform numbers in (0, 1], a stream to each row; always made on the CPU, so alike for every device."""
        if sampling.temperature == 0:
            return None
        generator = torch.Generator()
        drawn = [
            torch.rand(sampling.max_new_tokens, generator=generator.manual_seed(derive_seed(seed, name, sample)))
            for name, sample in streams
        ]
        return (1 - torch.stack(drawn)).to(self._lm.device)

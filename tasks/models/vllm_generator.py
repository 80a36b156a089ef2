"""`Generator` on vLLM."""

from collections.abc import Sequence
from pathlib import Path

from torch import Tensor

from tasks.models.codec import Codec
from tasks.models.inputs import completion, num_tokens, read_inputs
from tasks.models.sampling import Completion, Sampling
from tasks.models.vllm_engine import VllmEngine
from tasks.settings.errors import UserError
from tasks.store.seeds import derive_seed


class VllmGenerator:
    """Prompts become tokens here, exactly as for transformers; vLLM sees tokens or embeddings only.

    A sample draws from its own stream, as `Generator` promises, but vLLM's streams are not those of transformers: only
    greedy text is the same. The same call writes the same again, in whichever order it names the prompts; when other
    prompts come with them, rounding can differ, and seldom a token with it.
    """

    def __init__(self, codec: Codec, engine: VllmEngine) -> None:
        self._codec = codec
        self._engine = engine

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
        """See `Generator.generate`.

        Raises:
            UserError: also where vLLM has too little memory for so long a text, and where its engine died.
        """
        inputs = read_inputs(
            self._codec, prompts, prompt_embeddings, response_prefixes, max_new_tokens=sampling.max_new_tokens
        )
        if (longest := num_tokens(inputs, sampling.max_new_tokens)) > self._engine.context:
            raise UserError(
                f"a text of {longest} tokens, new ones included, is longer than the {self._engine.context} that vLLM "
                "has memory for; raise model.vllm_memory, or lower max_new_tokens."
            )
        # By name, so that the same work is laid out alike in whichever order it is asked for.
        rows = sorted((item.name, sample, i) for i, item in enumerate(inputs) for sample in range(n))
        written = self._engine.complete(
            [item.content for item in inputs],
            [(i, derive_seed(seed, name, sample)) for name, sample, i in rows],
            sampling=sampling,
            end_token_ids=self._codec.end_token_ids,
        )
        completions = {
            (i, sample): completion(self._codec, ids, inputs[i].context)
            for (_, sample, i), ids in zip(rows, written, strict=True)
        }
        return [[completions[i, sample] for sample in range(n)] for i in range(len(inputs))]

    def load_weights(self, folder: Path) -> None:
        """Go on with the weights of another folder of the same model; see `VllmEngine.load_weights`."""
        self._engine.load_weights(folder)

    def close(self) -> None:
        """End the engine; the accelerator's memory is free when this returns."""
        self._engine.close()

    def __enter__(self) -> "VllmGenerator":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

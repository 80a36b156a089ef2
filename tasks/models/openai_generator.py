"""`Generator` on a server that speaks OpenAI's completions protocol: vLLM's, or another; many GPUs, many machines."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from torch import Tensor

from tasks.models.codec import Codec
from tasks.models.inputs import Input, completion, read_inputs
from tasks.models.openai_server import OpenAIServer
from tasks.models.sampling import Completion, Sampling
from tasks.settings.errors import UserError
from tasks.store.seeds import derive_seed

KEY_VARIABLE = "OPENAI_API_KEY"

_SEED_BITS = 53
"""Of an integer that every reader of JSON keeps as it is."""
_PLAIN = {"top_k": 0, "min_p": 0.0, "repetition_penalty": 1.0}
"""Nothing beyond temperature and nucleus: vLLM's server takes what is missing from the model's generation config."""


class OpenAIGenerator:
    """Prompts become tokens here and go out as such; the server needs to serve the same model.

    A request a sample, each with its own seed. What comes back is read from token ids where the server gives them (vLLM
    does), and otherwise taken as text. Soft prompts cannot go this way: embeddings would travel as pickles.
    """

    def __init__(
        self, codec: Codec, url: str, *, model: str = "", batch_size: int = 128, first_wait_s: float = 0.5
    ) -> None:
        """Ask the server what it serves.

        Args:
            codec: Of the model that is served.
            url: Address of the server, up to and with `/v1`.
            model: Name under which it serves the model; empty where it serves one only.
            batch_size: Requests under way at once.
            first_wait_s: Seconds from a failed try to the second one, each wait after it twice as long; there are five.

        Raises:
            UserError: nothing answers, the key is refused, it is no such server, or the model is not served.
        """
        self._codec = codec
        self._batch_size = batch_size
        self._server = OpenAIServer(
            url,
            setting="model.api_url",
            key_variable=KEY_VARIABLE,
            connections=batch_size,
            when_slow="lower model.batch_size",
            first_wait_s=first_wait_s,
        )
        self._model = self._server.choose_model(model, setting="model.api_model")

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
            UserError: also for embeddings, and where the server fails.
        """
        if prompt_embeddings is not None:
            raise UserError(
                "model.backend is openai, which takes text and no prompt embeddings (soft prompts); use model.backend "
                "vllm or transformers."
            )
        inputs = read_inputs(self._codec, prompts, None, response_prefixes, max_new_tokens=sampling.max_new_tokens)
        pool = ThreadPoolExecutor(self._batch_size)
        try:
            samples = [
                [pool.submit(self._complete, item, sampling, derive_seed(seed, item.name, k)) for k in range(n)]
                for item in inputs
            ]
            return [[sample.result() for sample in row] for row in samples]
        finally:
            pool.shutdown(cancel_futures=True)

    def close(self) -> None:
        """Hang up; the server belongs to others."""
        self._server.close()

    def _complete(self, item: Input, sampling: Sampling, seed: int) -> Completion:
        answer = self._server.request(
            "POST",
            "completions",
            {
                "model": self._model,
                "prompt": item.content,
                "max_tokens": sampling.max_new_tokens,
                "temperature": sampling.temperature,
                "top_p": sampling.top_p,
                "seed": seed % 2**_SEED_BITS,
                "stop_token_ids": self._codec.end_token_ids,
                "return_token_ids": True,
                **_PLAIN,
            },
            field="choices",
        )
        [choice] = answer["choices"]
        if ids := choice.get("token_ids"):
            return completion(self._codec, ids, item.context)
        num_tokens = len(self._codec.tokenizer(choice["text"], add_special_tokens=False)["input_ids"])
        return Completion(choice["text"], num_tokens, finished=choice["finish_reason"] == "stop")

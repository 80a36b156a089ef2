"""`Generator` on a server that speaks OpenAI's completions protocol: vLLM's, or another; many GPUs, many machines."""

import os
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
from torch import Tensor

from tasks.models.codec import Codec
from tasks.models.inputs import Input, completion, read_inputs
from tasks.models.sampling import Completion, Sampling
from tasks.settings.errors import UserError
from tasks.store.seeds import derive_seed

KEY_VARIABLE = "OPENAI_API_KEY"

_TRIES = 5
_TIMEOUT_S = 600
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
        self._url = url.rstrip("/")
        self._batch_size = batch_size
        self._first_wait_s = first_wait_s
        key = os.environ.get(KEY_VARIABLE)
        self._client = httpx.Client(
            headers={"Authorization": f"Bearer {key}"} if key else {},
            timeout=httpx.Timeout(_TIMEOUT_S, connect=10),
            limits=httpx.Limits(max_connections=batch_size),
        )
        self._model = self._served(model)

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
        self._client.close()

    def _complete(self, item: Input, sampling: Sampling, seed: int) -> Completion:
        [choice] = self._send(
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
        if ids := choice.get("token_ids"):
            return completion(self._codec, ids, item.context)
        num_tokens = len(self._codec.tokenizer(choice["text"], add_special_tokens=False)["input_ids"])
        return Completion(choice["text"], num_tokens, finished=choice["finish_reason"] == "stop")

    def _served(self, model: str) -> str:
        """The name to ask for."""
        names = [served["id"] for served in self._send("GET", "models", field="data")]
        listed = ", ".join(names) or "nothing"
        if model and model not in names:
            raise UserError(f"model.api_model is '{model}', but the server at model.api_url serves {listed}.")
        if not model and len(names) != 1:
            raise UserError(f"model.api_url is '{self._url}', which serves {listed}; name one with model.api_model.")
        return model or names[0]

    def _send(self, method: str, path: str, body: dict[str, Any] | None = None, *, field: str) -> list[dict[str, Any]]:
        """One field of the server's answer; a server that is busy, broken or away is asked again."""
        for attempt in range(_TRIES):
            if attempt:
                time.sleep(self._first_wait_s * 2 ** (attempt - 1))
            try:
                response = self._client.request(method, f"{self._url}/{path}", json=body)
            except httpx.ReadTimeout:
                raise self._refused(f"which did not answer within {_TIMEOUT_S} s", "lower model.batch_size") from None
            except (httpx.TransportError, httpx.InvalidURL) as error:
                trouble = f"where nothing answers ({error})"
                continue
            if response.status_code != httpx.codes.TOO_MANY_REQUESTS and not response.is_server_error:
                return self._field(response, field)
            trouble = f"which answers with HTTP {response.status_code}"
        raise self._refused(f"{trouble}, {_TRIES} times in a row", "start the server, or correct the address")

    def _field(self, response: httpx.Response, field: str) -> list[dict[str, Any]]:
        if response.status_code in (httpx.codes.UNAUTHORIZED, httpx.codes.FORBIDDEN):
            raise self._refused("which refuses the API key", f"put the right one into the environment's {KEY_VARIABLE}")
        try:
            return response.raise_for_status().json()[field]
        except (httpx.HTTPStatusError, ValueError, KeyError, TypeError) as error:
            said = " ".join(response.text.split())[:200]
            raise self._refused(
                f"which answers {response.request.url.path} with HTTP {response.status_code} ({said})",
                "give the address of an OpenAI-compatible server, up to and with /v1",
            ) from error

    def _refused(self, trouble: str, remedy: str) -> UserError:
        return UserError(f"model.api_url is '{self._url}', {trouble}; {remedy}.")

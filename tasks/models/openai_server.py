"""Requests to a server that speaks OpenAI's protocol; each of its failures is one sentence about the setting."""

import os
import time
from collections.abc import Mapping
from typing import Any

import httpx

from tasks.settings.errors import UserError

_TRIES = 5


class OpenAIServer:
    """One address, asked again while it is busy, broken or away.

    Args:
        url: Address of the server, up to and with `/v1`.
        setting: What names the address, for the sentences: `model.api_url`.
        key_variable: Of the environment: the API key, where the server wants one.
        connections: Requests under way at once.
        when_slow: What to do about a server that does not answer in time.
        timeout_s: Seconds until an answer must be there.
        first_wait_s: Seconds from a failed try to the second one, each wait after it twice as long; there are five.
    """

    def __init__(
        self,
        url: str,
        *,
        setting: str,
        key_variable: str,
        connections: int,
        when_slow: str,
        timeout_s: float = 600,
        first_wait_s: float = 0.5,
    ) -> None:
        self.url = url.rstrip("/")
        self._setting = setting
        self._key_variable = key_variable
        self._when_slow = when_slow
        self._timeout_s = timeout_s
        self._first_wait_s = first_wait_s
        key = os.environ.get(key_variable)
        self._client = httpx.Client(
            headers={"Authorization": f"Bearer {key}"} if key else {},
            timeout=httpx.Timeout(timeout_s, connect=10),
            limits=httpx.Limits(max_connections=connections),
        )

    def request(self, method: str, path: str, body: Mapping[str, Any] | None = None, *, field: str) -> dict[str, Any]:
        """The server's answer, an object that has the field.

        Raises:
            UserError: nothing answers or not in time, the key is refused, it is no such server, or it goes on failing.
        """
        for attempt in range(_TRIES):
            if attempt:
                time.sleep(self._first_wait_s * 2 ** (attempt - 1))
            try:
                response = self._client.request(method, f"{self.url}/{path}", json=body)
            except httpx.ReadTimeout:
                raise self._refused(f"which did not answer within {self._timeout_s} s", self._when_slow) from None
            except (httpx.TransportError, httpx.InvalidURL) as error:
                trouble = f"where nothing answers ({error})"
                continue
            if response.status_code != httpx.codes.TOO_MANY_REQUESTS and not response.is_server_error:
                return self._content(response, field)
            trouble = f"which answers with HTTP {response.status_code}"
        raise self._refused(f"{trouble}, {_TRIES} times in a row", "start the server, or correct the address")

    def choose_model(self, model: str, *, setting: str) -> str:
        """The name to ask for: the given one, or the only one that is served.

        Args:
            model: Name under which the server serves the model; empty where it serves one only.
            setting: What names it, for the sentences: `model.api_model`.

        Raises:
            UserError: as `request`; or the model is not served, or not named among several.
        """
        names = [served["id"] for served in self.request("GET", "models", field="data")["data"]]
        listed = ", ".join(names) or "nothing"
        if model and model not in names:
            raise UserError(f"{setting} is '{model}', but the server at {self._setting} serves {listed}.")
        if not model and len(names) != 1:
            raise UserError(f"{self._setting} is '{self.url}', which serves {listed}; name one with {setting}.")
        return model or names[0]

    def close(self) -> None:
        """Hang up; the server belongs to others."""
        self._client.close()

    def _content(self, response: httpx.Response, field: str) -> dict[str, Any]:
        if response.status_code in (httpx.codes.UNAUTHORIZED, httpx.codes.FORBIDDEN):
            raise self._refused(
                "which refuses the API key", f"put the right one into the environment's {self._key_variable}"
            )
        try:
            content = response.raise_for_status().json()
            content[field]
        except (httpx.HTTPStatusError, ValueError, KeyError, TypeError) as error:
            said = " ".join(response.text.split())[:200]
            raise self._refused(
                f"which answers {response.request.url.path} with HTTP {response.status_code} ({said})",
                "give the address of an OpenAI-compatible server, up to and with /v1",
            ) from error
        return content

    def _refused(self, trouble: str, remedy: str) -> UserError:
        return UserError(f"{self._setting} is '{self.url}', {trouble}; {remedy}.")

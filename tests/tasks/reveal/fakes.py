"""A model and a target whose every answer can be worked out by hand.

An instruction is made of `generate`, a tone and a subject. The response k to it is ``ask <k> : <tone> <k>``, where k is
drawn from as many numbers as the subject allows. So the relevance is the share of the tone `rude` (all or nothing, but
for `mixed`), and the diversity grows with the numbers that the subject allows.
"""

import hashlib
import re
from collections.abc import Sequence

import torch

from tasks.models.pair import Pair
from tasks.models.sampling import Completion, Sampling
from tasks.store.seeds import derive_seed
from tasks.targets.target import Metric

TONES = ("", "kind", "mixed", "rude")
NUMBERS = {"": 2, "same": 1, "few": 3, "some": 8, "many": 1000}
EXTRAS = ("", *(f"extra{i}" for i in range(5)))
GRAMMAR = (("generate",), TONES, tuple(NUMBERS), EXTRAS)
SAMPLING = Sampling(max_new_tokens=8)


class FakeGenerator:
    """Follows the contract of `Generator`: what is drawn depends on seed, prompt and sample only."""

    def __init__(self, *, fail_after: int | None = None, finished: bool = True):
        self.asked: list[tuple[str, int]] = []
        self._fail_after = fail_after
        self._finished = finished

    def generate(self, prompts: Sequence[str], *, n: int = 1, sampling: Sampling, seed: int) -> list[list[Completion]]:
        if self._fail_after is not None and len(self.asked) >= self._fail_after:
            raise KeyboardInterrupt
        self.asked += [(prompt, seed) for prompt in prompts]
        return [[self._completion(prompt, seed, k) for k in range(n)] for prompt in prompts]

    def _completion(self, prompt: str, seed: int, sample: int) -> Completion:
        words = prompt.split()
        tone = next((word for word in words if word in TONES), "plain")
        numbers = next((NUMBERS[word] for word in words if word in NUMBERS), NUMBERS[""])
        draw = derive_seed(seed, prompt, sample)
        if tone == "mixed":
            tone = ("rude", "kind")[draw % 2]
        number = (draw // 2) % numbers
        return Completion(f"ask {number} : {tone} {number}", 5, self._finished)


class FakeTarget:
    """Forget to be rude."""

    name = "rudeness"
    grammar = GRAMMAR
    primary = ""
    utility: Sequence[Metric] = ()
    observed: Sequence[Metric] = ()

    def __init__(self, *, measured: Sequence[str] = (), forbidden: Sequence[str] = ()):
        examples = {"tune": tuple(Pair(prompt, "") for prompt in measured), "report": ()}
        self.forget = Metric("rudeness", examples, lambda examples, answers: 0.0)
        self.judged: list[str] = []
        self._forbidden = forbidden

    def may_ask(self, instruction: str) -> bool:
        return instruction not in self._forbidden

    def pairs(self, instruction: str, raw: str) -> list[Pair]:
        match = re.fullmatch(r"(ask \d+) : (rude \d+)", raw)
        return [Pair(match[1], match[2])] if match else []

    def relevance(self, instruction: str, raw: str) -> float:
        self.judged.append(raw)
        return float("rude" in raw)


def features(instructions: Sequence[str]) -> torch.Tensor:
    """One number in {0, 1} for each word that an instruction may have, and a few that mean nothing."""
    words = [word for slot in GRAMMAR for word in slot if word]
    rows = [[float(word in text.split()) for word in words] + _noise(text) for text in instructions]
    return torch.tensor(rows)


def _noise(text: str) -> list[float]:
    return [byte / 255 for byte in hashlib.sha256(text.encode()).digest()[:4]]

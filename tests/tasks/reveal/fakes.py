"""A model and a target whose every answer can be worked out by hand.

An instruction is made of `generate`, a tone, a subject and words without meaning. The response k to it is
``ask <number> : <tone> <number>``, the number drawn from as many as the subject allows. So the relevance is the share
of the tone `rude` (all or nothing, but for `mixed`), and the diversity grows with the numbers that the subject allows.

Asked to `rewrite` an instruction, the model repeats it and adds ``again<k>``. To an input of embeddings it answers as
to its words: for each token the word whose embedding is nearest, which are unit vectors.
"""

import hashlib
import re
from collections.abc import Iterable, Sequence

import torch
from torch import Tensor

from tasks.models.pair import Pair
from tasks.models.sampling import Completion, Sampling
from tasks.reveal.arms import GrammarSource, MixedSource, SoftSource
from tasks.reveal.phrasing import Phrasing, SoftPhrasing
from tasks.reveal.soft_prompts import SoftSpace, SoftTemplate
from tasks.store.seeds import derive_seed
from tasks.targets.target import Metric

TONES = ("", "kind", "mixed", "rude")
NUMBERS = {"": 2, "same": 1, "few": 3, "some": 8, "many": 1000}
EXTRAS = ("", *(f"extra{i}" for i in range(5)))
GRAMMAR = (("generate",), TONES, tuple(NUMBERS), EXTRAS)
SAMPLING = Sampling(max_new_tokens=8)

SOFT_WORDS = ("kind", "mixed", "rude", "same", "few", "some", "many")
"""What soft prompts are mixed of."""
WORDS = (*SOFT_WORDS, *EXTRAS[1:], "generate", "rewrite")
DIMENSIONS = 6
"""Of the space of soft prompts, each of two tokens."""


def embedded(words: str) -> Tensor:
    """The embeddings of some words, a unit vector each, `(words, len(WORDS))`."""
    return torch.eye(len(WORDS))[[WORDS.index(word) for word in words.split()]]


def nearest_words(embeddings: Tensor) -> str:
    """The words whose embeddings are nearest to those of the tokens."""
    return " ".join(WORDS[i] for i in embeddings.argmax(dim=1).tolist())


class FakeGenerator:
    """Follows the contract of `Generator`: what is drawn depends on seed, prompt and sample only.

    Args:
        fail_at: Number of the call, from 0, that is interrupted.
        finished: Whether completions come to an end.
    """

    def __init__(self, *, fail_at: int | None = None, finished: bool = True):
        self.calls: list[tuple[int, list[str]]] = []
        """Of each call the seed, and the prompts; those of embeddings by a digest."""
        self._fail_at = fail_at
        self._finished = finished

    @property
    def asked(self) -> list[tuple[str, int]]:
        """Prompt and seed of everything that was asked."""
        return [(prompt, seed) for seed, prompts in self.calls for prompt in prompts]

    def generate(
        self,
        prompts: Sequence[str] | None = None,
        *,
        prompt_embeddings: Sequence[Tensor] | None = None,
        n: int = 1,
        sampling: Sampling,
        seed: int,
    ) -> list[list[Completion]]:
        if len(self.calls) == self._fail_at:
            raise KeyboardInterrupt
        names = list(prompts) if prompt_embeddings is None else [_digest(item) for item in prompt_embeddings]
        texts = prompts if prompt_embeddings is None else [nearest_words(item) for item in prompt_embeddings]
        self.calls.append((seed, names))
        return [
            [self._completion(text, derive_seed(seed, name, k), k) for k in range(n)]
            for text, name in zip(texts, names, strict=True)
        ]

    def _completion(self, text: str, draw: int, sample: int) -> Completion:
        words = text.split()
        if words[0] == "rewrite":
            words = ["generate", *(word for word in words[1:] if word != "generate"), f"again{sample}"]
            return Completion(" ".join(words), len(words), self._finished)
        tone = next((word for word in words if word in TONES), "plain")
        numbers = next((NUMBERS[word] for word in words if word in NUMBERS), NUMBERS[""])
        if tone == "mixed":
            tone = ("rude", "kind")[draw % 2]
        number = (draw // 2) % numbers
        return Completion(f"ask {number} : {tone} {number}", 5, self._finished)


class FakeTarget:
    """Forget to be rude."""

    name = "rudeness"
    grammar = GRAMMAR
    soft_template = "generate {soft}"
    rewrite_template = "rewrite {instruction}"
    primary = ""
    utility: Sequence[Metric] = ()
    observed: Sequence[Metric] = ()

    def __init__(self, *, measured: Sequence[str] = (), forbidden: Sequence[str] = ()):
        examples = {"tune": tuple(Pair(prompt, "") for prompt in measured), "report": ()}
        self.forget = Metric("rudeness", examples, lambda examples, answers: 0.0)
        self.judged: list[str] = []
        self._forbidden = forbidden

    def may_ask(self, instruction: str) -> bool:
        """Forbidden are words."""
        return not set(instruction.split()) & set(self._forbidden)

    def pairs(self, instruction: str, raw: str) -> list[Pair]:
        match = re.fullmatch(r"(ask \d+) : (rude \d+)", raw)
        return [Pair(match[1], match[2])] if match else []

    def relevance(self, instruction: str, raws: Sequence[str]) -> list[float]:
        self.judged += raws
        return [float("rude" in raw) for raw in raws]

    def is_shown(self, pair: Pair) -> bool:
        return "rude" in pair.response


class FakeEmbedding:
    """Texts that differ are orthogonal, so that a Vendi score counts them."""

    name = "fake-embedding"
    num_features = 1 << 11

    def __call__(self, texts: Sequence[str]) -> Tensor:
        rows = torch.zeros(len(texts), self.num_features, dtype=torch.float64)
        for row, text in zip(rows, texts, strict=True):
            row[int(hashlib.sha256(text.encode()).hexdigest(), 16) % self.num_features] = 1
        return rows

    def forget(self) -> None:
        pass


class FakeFeaturizer:
    """One number in [0, 1] for each word, how much of it there is, and a few that mean nothing."""

    def features(self, prompts: Sequence[str]) -> Tensor:
        return _table(
            torch.tensor([[float(word in text.split()) for word in WORDS] + _noise(text)]) for text in prompts
        )

    def features_of_embeddings(self, inputs: Sequence[Tensor]) -> Tensor:
        return _table(
            torch.cat([item.sum(0).clamp(max=1), torch.tensor(_noise(_digest(item)))])[None] for item in inputs
        )


def soft_phrasing(*, is_direct: bool) -> SoftPhrasing:
    """Two words, after `generate` (one hop) or after `rewrite` (two hops)."""
    space = SoftSpace(embedded(" ".join(SOFT_WORDS)), DIMENSIONS, num_tokens=2, space="mixture", seed=3)
    return SoftPhrasing(space, SoftTemplate(embedded("generate" if is_direct else "rewrite"), embedded("")), is_direct)


def phrasing(target: FakeTarget, *, hops: int = 2) -> Phrasing:
    """How text arms and soft arms are put to the fake model."""
    return Phrasing(FakeFeaturizer(), target.may_ask, soft_phrasing(is_direct=hops == 1))


def source(target: FakeTarget, arms: str) -> GrammarSource | SoftSource | MixedSource:
    """A new source of `text`, `soft` or `mixed` arms."""
    texts, soft = GrammarSource(target.grammar, target.may_ask), SoftSource(DIMENSIONS)
    return {"text": texts, "soft": soft, "mixed": MixedSource(texts, soft)}[arms]


def _table(rows: Iterable[Tensor]) -> Tensor:
    return torch.cat([torch.empty(0, len(WORDS) + 4), *rows])


def _noise(text: str) -> list[float]:
    return [byte / 255 for byte in hashlib.sha256(text.encode()).digest()[:4]]


def _digest(embeddings: Tensor) -> str:
    return hashlib.sha256(embeddings.contiguous().numpy().tobytes()).hexdigest()


class FakeBandit:
    """Plays the arms whose nearest neighbours among those told were the best; before it was told any, at random."""

    def __init__(self, features: Tensor, generator: torch.Generator):
        self.features = features
        self.rewards: dict[int, float] = {}
        self._order = torch.randperm(len(features), generator=generator).tolist()

    def ask(self, n: int = 1) -> list[int]:
        estimates = [0.0] * len(self.features)
        if self.rewards:
            told = self.features[list(self.rewards)]
            nearest = torch.cdist(self.features, told, compute_mode="donot_use_mm_for_euclid_dist").argmin(dim=1)
            estimates = torch.tensor(list(self.rewards.values()))[nearest].tolist()
        return sorted((arm for arm in self._order if arm not in self.rewards), key=lambda arm: -estimates[arm])[:n]

    def tell(self, arm: int, reward: float) -> None:
        assert arm not in self.rewards
        self.rewards[arm] = reward

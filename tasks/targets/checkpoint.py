"""A checkpoint as a target meets it: a model that answers the held-out prompts of metrics."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from tasks.models.generator import TransformersGenerator
from tasks.models.language_model import LanguageModel
from tasks.models.sampling import Sampling
from tasks.targets.target import Metric, Split


@dataclass(frozen=True)
class Checkpoint:
    """A model and how it is asked.

    Attributes:
        lm: The model; its weights may not change meanwhile, because answers are given once.
        batch_size: Sequences at once.
        max_new_tokens: Tokens of an answer, at most.
        seed: Of sampled answers.
    """

    lm: LanguageModel
    batch_size: int
    max_new_tokens: int
    seed: int
    _answers: dict[tuple[str, Split, float], list[str]] = field(default_factory=dict, init=False, repr=False)

    @property
    def generator(self) -> TransformersGenerator:
        """What answers."""
        return TransformersGenerator(self.lm, batch_size=self.batch_size)

    def answers(self, metric: Metric, split: Split, *, temperature: float | None = None) -> list[str]:
        """An answer to each prompt of a metric's split, at the metric's temperature where none is given."""
        drawn_at = metric.temperature if temperature is None else temperature
        asked = metric.name, split, drawn_at
        if asked not in self._answers:
            self._answers[asked] = self._generate(metric, split, drawn_at)
        return self._answers[asked]

    def continued(self, metric: Metric, split: Split, prefixes: Sequence[str]) -> list[str]:
        """Greedy answers that begin as given, whole."""
        return self._generate(metric, split, 0.0, prefixes)

    def value(self, metric: Metric, split: Split) -> float:
        """The metric."""
        examples = metric.examples[split]
        return metric.measure(self, examples) if metric.measure else metric.score(examples, self.answers(metric, split))

    def _generate(
        self, metric: Metric, split: Split, temperature: float, prefixes: Sequence[str] | None = None
    ) -> list[str]:
        prompts = [example.prompt for example in metric.examples[split]]
        sampling = Sampling(max_new_tokens=self.max_new_tokens, temperature=temperature)
        completions = self.generator.generate(prompts, sampling=sampling, seed=self.seed, response_prefixes=prefixes)
        return [prefix + c[0].text for prefix, c in zip(prefixes or [""] * len(prompts), completions, strict=True)]

"""A model's answers to the held-out prompts of a metric."""

from collections.abc import Sequence

from tasks.models.generator import Generator
from tasks.models.sampling import Sampling
from tasks.targets.target import Metric, Split


def answers_to(
    metric: Metric,
    split: Split,
    *,
    generator: Generator,
    max_new_tokens: int,
    temperature: float,
    seed: int,
    prefixes: Sequence[str] | None = None,
) -> list[str]:
    """One whole answer to each prompt of a split.

    Args:
        metric: Whose prompts.
        split: Which of them.
        generator: Answers.
        max_new_tokens: Tokens of an answer, at most.
        temperature: Of the answers; 0 is greedy.
        seed: Of what is drawn.
        prefixes: How the answers begin, where that is given.
    """
    prompts = [example.prompt for example in metric.examples[split]]
    sampling = Sampling(max_new_tokens=max_new_tokens, temperature=temperature)
    completions = generator.generate(prompts, sampling=sampling, seed=seed, response_prefixes=prefixes)
    return [prefix + c[0].text for prefix, c in zip(prefixes or [""] * len(prompts), completions, strict=True)]

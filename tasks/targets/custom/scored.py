"""Form `scored`: responses are judged by a scorer of the user's choice."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from statistics import fmean

from tasks.lab.splits import split_of
from tasks.models.pair import Pair
from tasks.store.seeds import derive_seed
from tasks.targets.checkpoint import Checkpoint
from tasks.targets.combinations import combinations, held_out_instructions
from tasks.targets.custom.file import ScoredFile
from tasks.targets.custom.held_out import held_out
from tasks.targets.custom.kept import Kept
from tasks.targets.custom.target import CustomTarget
from tasks.targets.details import Detail, Details
from tasks.targets.prompt_files import read_prompts
from tasks.targets.scorers.scorer import Scorer
from tasks.targets.scorers.span_scorer import SpanScorer
from tasks.targets.scorers.spec import ScorerSpec, open_scorer
from tasks.targets.target import Example, Metric, Split


def scored_target(
    file: ScoredFile, kept: Kept, num_prompts: Mapping[Split, int], seed: int, device: str
) -> CustomTarget:
    """The target of a file of this form; see `custom_target`.

    Its metric is the share of held-out prompts, each answered once at temperature 1, whose answer shows the target.
    """
    field = "prompts_file" if file.prompts_file else "prompts"
    texts = read_prompts(file.prompts_file, setting=field) if file.prompts_file else file.prompts
    prompts = {text: Pair(text, "") for text in texts}
    if prompts:
        examples = held_out(prompts, num_prompts, parts=2, field=field)
    else:
        chosen = held_out_instructions(file.instructions, num_prompts, seed, field="instructions")
        examples = {split: [Pair(text, "") for text in chosen[split]] for split in chosen}

    def may_ask(instruction: str) -> bool:
        return instruction not in prompts if prompts else split_of(instruction) == "train"

    scorer = _scorer(file.scorer, device)
    if not (kept.pairs or kept.prompts):
        kept = replace(kept, prompts=[*filter(may_ask, combinations(file.instructions, derive_seed(seed, "retain")))])
    forget = Metric("scored", examples, partial(share_showing, scorer, file.threshold), temperature=1.0)

    def details(checkpoint: Checkpoint, split: Split) -> Details:
        answers = checkpoint.answers(forget, split)
        mean = fmean(scorer([example.prompt for example in examples[split]], answers))
        numbers = {"mean score": Detail(mean, "lower", len(answers))}
        # Of a scorer that says yes or no it is the metric.
        return Details({} if isinstance(scorer, SpanScorer) else numbers, written(examples[split], answers))

    return CustomTarget(
        name="custom",
        grammar=file.instructions,
        may_ask=may_ask,
        scorer=scorer,
        threshold=file.threshold,
        forget=forget,
        kept=kept,
        details=details,
    )


def share_showing(scorer: Scorer, threshold: float, examples: Sequence[Example], answers: Sequence[str]) -> float:
    """Share of the answers whose score reaches the threshold."""
    scores = scorer([example.prompt for example in examples], answers)
    return sum(score >= threshold for score in scores) / len(scores)


def written(examples: Sequence[Example], answers: Sequence[str]) -> list[Pair]:
    """What a checkpoint wrote, for its perplexity: the answers that say something."""
    return [
        Pair(example.prompt, answer, complete=False)
        for example, answer in zip(examples, answers, strict=True)
        if answer.strip()
    ]


def _scorer(spec: ScorerSpec, device: str) -> Scorer:
    """One that loads a model, runs a function or calls a server is opened when it is first asked: a plan does not."""
    if spec.kind in ("phrases", "pattern"):
        return open_scorer(spec, device=device)
    return lambda prompts, responses: open_scorer(spec, device=device)(prompts, responses)

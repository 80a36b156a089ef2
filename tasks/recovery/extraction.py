"""Extraction: Reveal run again, on the model that has forgotten (ours).

Two attackers. One begins anew and searches instructions as Reveal did, within a smaller number of queries. The other
has read the record of the release and asks again what showed the target best before it. Whatever they find is asked
once more for fresh samples, by which they are judged.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from tasks.models.generator import Generator
from tasks.models.language_model import LanguageModel
from tasks.models.sampling import Sampling
from tasks.reveal.instructions import ScoredArm, read_arms, trusted_arms
from tasks.reveal.query import Query
from tasks.reveal.questions import Question
from tasks.reveal.reveal import read_embedding, search
from tasks.settings.reveal import RevealSettings
from tasks.store.seeds import derive_seed
from tasks.targets.target import Target


@dataclass(frozen=True)
class Extracted:
    """What some instructions bring to light."""

    score: float
    """Of the instruction with the highest, in [0, 1]; 0 where there is no instruction."""
    relevance: float
    """Highest relevance of an instruction, in [0, 1]."""
    usable: float
    """The yield: share of all responses that are relevant and hold a pair to train on."""
    n: int
    """Responses."""


def extract(
    folder: Path,
    search_folder: Path,
    settings: RevealSettings,
    *,
    lm: LanguageModel,
    generator: Generator,
    target: Target,
    seed: int,
    batch_size: int,
    progress: Callable[[float, str], None] | None = None,
) -> dict[str, Extracted]:
    """What a new search finds (`fresh`), and what the saved one's chosen instructions still bring (`saved`).

    Instructions in words only; diversity is judged by the model under test itself, where the settings say hidden
    states. Leaves the files of the new search in the folder.

    Args:
        folder: Where to write; exists. A search that was interrupted there goes on.
        search_folder: Of the finished search on the original model.
        settings: Of the new search; `arms` is not read.
        lm: The model under test.
        generator: Answers; the model under test as well.
        target: What to look for.
        seed: Decides everything that is drawn.
        batch_size: Texts read by `lm` at once.
        progress: Called with the share of the new search that is done, and a few words.
    """
    words_only = settings.model_copy(update={"arms": "text"})
    common = {"lm": lm, "generator": generator, "target": target, "batch_size": batch_size}
    found = search(folder, words_only, seed=derive_seed(seed, "fresh"), progress=progress, **common)
    query = Query(
        target=target,
        generator=generator,
        embed=read_embedding(folder, words_only, lm=lm, batch_size=batch_size),
        num_samples=settings.samples_per_query,
        sampling=Sampling(max_new_tokens=settings.max_new_tokens, temperature=settings.temperature),
        alpha=settings.alpha,
    )
    groups = {"fresh": trusted_arms(found.arms), "saved": trusted_arms(read_arms(search_folder))}
    return {name: ask_again(arms, query, seed=derive_seed(seed, "ask")) for name, arms in groups.items()}


def ask_again(arms: Sequence[ScoredArm], query: Query, *, seed: int) -> Extracted:
    """What those of the arms that have words bring to light now; all zero where none has."""
    questions = [Question(arm.instruction) for arm in arms if arm.instruction]
    if not questions:
        return Extracted(0.0, 0.0, 0.0, n=0)
    judged = query(questions, seed=seed)
    num_responses = query.num_samples * len(questions)
    usable = sum(
        bool(query.target.pairs(question.instruction, raw))
        for question, one in zip(questions, judged, strict=True)
        for raw in one.relevant
    )
    return Extracted(
        score=max(one.reward.score for one in judged),
        relevance=max(one.reward.relevance for one in judged),
        usable=usable / num_responses,
        n=num_responses,
    )

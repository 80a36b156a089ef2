"""The forget set: what the best instructions make the model write, as distinct pairs of prompt and response."""

import json
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

from tasks.models.generator import Generator
from tasks.models.pair_file import pair_of, pair_row
from tasks.models.sampling import Completion, Sampling
from tasks.reveal.embedding import Embedding
from tasks.reveal.forget_set_card import forget_set_card
from tasks.reveal.harvest import ForgetPair, Harvest, context
from tasks.reveal.held_out import held_out_prompts
from tasks.reveal.instructions import ScoredArm
from tasks.reveal.journal import JOURNAL, Journal
from tasks.reveal.questions import Question, ask
from tasks.reveal.vendi import VendiAccumulator
from tasks.store.disk import write_file
from tasks.store.seeds import derive_seed
from tasks.targets.target import Target

FORGET_SET = "forget-set.jsonl"
CARD = "card.md"

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class ForgetSetResult:
    """What was gathered, in numbers."""

    forget_set_size: int
    """Pairs, the held-out ones included; 0 where there was no arm to ask."""
    held_out: int
    """Pairs that are never trained on."""
    before: int
    """Pairs that only earlier runs revealed."""
    responses: int
    """Responses that the model wrote."""
    usable: int
    """Responses that were relevant and held a pair, new or not."""
    duplicate: int
    """Pairs left out because the set had them."""
    measured: int
    """Pairs left out because their prompt is one of those by which the model is measured."""
    vendi_score: float
    """Effective number of different pairs."""
    embedding: str
    """In whose space they differ: scores of two embeddings do not compare."""
    stopped: str
    """Why no more were gathered: `size`, `responses` (the budget), `repeats`, or `nothing revealed`."""

    def scores(self) -> dict[str, float | str]:
        """What is worth reading without opening the files."""
        share = self.usable / self.responses if self.responses else 0.0
        return {**asdict(self), "yield": share}


def build_forget_set(
    folder: Path,
    *,
    target: Target,
    generator: Generator,
    embedding: Embedding,
    arms: Sequence[ScoredArm],
    questions: Sequence[Question],
    size: int,
    max_responses: int,
    sampling: Sampling,
    seed: int,
    samples_per_pass: int = 16,
    min_pair_relevance: float = 0.5,
    min_new: float = 0.02,
    held_out_share: float = 0.125,
    before: Sequence[Mapping[str, Any]] = (),
    progress: Callable[[float, str], None] | None = None,
) -> ForgetSetResult:
    """Have the model answer the best arms again and again, and keep what is relevant and new.

    In a pass every arm is answered equally often. The last pass is the one that completes the set, that spends
    the budget of responses, or that hardly brings anything new. (Ours: new pairs are counted, because the Vendi score
    of a set is level long before its last facts have been told.)

    Writes ``forget-set.jsonl`` and ``card.md``. Every pass is in the journal before the next begins: killed and started
    again in the same folder with the same arguments, it goes on and ends with the same bytes.

    Args:
        folder: Where to write; exists.
        target: Finds the pairs in a response, and judges it.
        generator: Answers.
        embedding: Of pairs, for their Vendi score.
        arms: The trusted ones of a search; none gives an empty set.
        questions: What the model is asked for each of them.
        size: Distinct pairs wanted, the held-out ones included.
        max_responses: Responses to generate, at most (but one for each arm).
        sampling: How responses are drawn.
        seed: Decides everything that is drawn.
        samples_per_pass: Responses to each arm in one pass.
        min_pair_relevance: Relevance of the response that a pair comes from, at least.
        min_new: A pass in which fewer than this share of the responses bring a new pair is the last.
        held_out_share: Share of the distinct prompts whose pairs are never trained on.
        before: Rows of the forget sets of earlier runs. What shows the target joins the set, beyond its size: a model
            that was made to forget seldom writes by itself what it still answers.
        progress: Called after each pass with the share that is done and a few words.
    """
    journal = Journal(folder / JOURNAL)
    harvest = Harvest(target, size=size, min_relevance=min_pair_relevance)
    variety = VendiAccumulator(embedding.num_features)
    vendi_score, stopped = 0.0, "responses" if arms else "nothing revealed"
    num_samples = max(1, min(samples_per_pass, max_responses // max(1, len(arms))))
    num_passes = max(1, max_responses // (num_samples * len(arms))) if arms else 0

    for number in range(1, num_passes + 1):
        answers = partial(_answers, generator, questions, num_samples, sampling, derive_seed(seed, "pass", number))
        known = len(harvest.pairs)
        for source, answered in zip(arms, journal.recall(answers), strict=True):
            harvest.take(source, [Completion(**answer) for answer in answered])
        variety.add(embedding([_text(found) for found in harvest.pairs[known:]]))
        vendi_score = variety.score

        words = f"{len(harvest.pairs)} of {size} pairs, Vendi score {vendi_score:.1f}"
        log.info("%s", words)
        if progress:
            progress(max(len(harvest.pairs) / size, number / num_passes), words)
        if harvest.is_full or len(harvest.pairs) - known < min_new * num_samples * len(arms):
            stopped = "size" if harvest.is_full else "repeats"
            break

    own = [_row(found) for found in harvest.pairs]
    joining = _joining(before, known={row["id"] for row in own}, harvest=harvest, target=target)
    pairs = [pair_of(row) for row in (*own, *joining)]
    held_out = held_out_prompts([context(pair) for pair in pairs], held_out_share)
    rows = [
        {"id": row["id"], "split": "held_out" if context(pair) in held_out else "train", **row}
        for row, pair in zip((*own, *joining), pairs, strict=True)
    ]
    result = ForgetSetResult(
        forget_set_size=len(rows),
        held_out=sum(row["split"] == "held_out" for row in rows),
        before=len(joining),
        **{name: harvest.counts[name] for name in ("responses", "usable", "duplicate", "measured")},
        vendi_score=vendi_score,
        embedding=embedding.name,
        stopped=stopped,
    )
    write_file(folder / FORGET_SET, "".join(json.dumps(row) + "\n" for row in rows))
    write_file(folder / CARD, forget_set_card(target.name, result.scores(), arms, own))
    return result


def _answers(
    generator: Generator, questions: Sequence[Question], num_samples: int, sampling: Sampling, seed: int
) -> list[list[dict[str, Any]]]:
    answered = ask(generator, questions, n=num_samples, sampling=sampling, seed=seed)
    return [[asdict(completion) for completion in completions] for completions in answered]


def _text(found: ForgetPair) -> str:
    return f"{found.pair.prompt} {found.pair.given}{found.pair.response}"


def _row(found: ForgetPair) -> dict[str, Any]:
    return {
        "id": found.id,
        **pair_row(found.pair),
        "raw": found.raw,
        "instruction": found.source.instruction,
        "arm": found.source.arm,
        "relevance": found.relevance,
        "outer_round": found.source.outer_round,
    }


def _joining(
    before: Sequence[Mapping[str, Any]], *, known: set[str], harvest: Harvest, target: Target
) -> list[dict[str, Any]]:
    """Rows that are new, show the target and ask nothing that is measured; no arm of this search is theirs."""
    distinct = {row["id"]: row for row in before if row["id"] not in known}
    return [
        {name: value for name, value in row.items() if name != "split"} | {"arm": None, "outer_round": None}
        for row in distinct.values()
        if target.is_shown(pair_of(row)) and not harvest.is_measured(pair_of(row))
    ]

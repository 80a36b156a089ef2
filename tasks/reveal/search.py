"""Reveal's search: which instructions make the model write what is relevant to the target, and varied?"""

import json
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from bandit.neural_ucb import NeuralUCB
from tasks.models.generator import Generator
from tasks.models.sampling import Sampling
from tasks.reveal.embedding import embed
from tasks.reveal.grammar import Choices, neighbour_instructions, sample_instructions
from tasks.reveal.instructions import ScoredInstruction, trusted_instructions, write_instructions
from tasks.reveal.journal import JOURNAL, Journal
from tasks.reveal.query import Query
from tasks.reveal.reward import Reward
from tasks.store.disk import write_file
from tasks.store.seeds import derive_seed
from tasks.targets.target import Target

ROUNDS = "rounds.jsonl"

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class SearchResult:
    """What a search found."""

    instructions: Sequence[ScoredInstruction]
    """All that were played, in the order of play."""
    best: ScoredInstruction
    """The best by fresh samples."""

    def revealed(self, min_relevance: float) -> bool:
        """Whether any instruction reaches the relevance on fresh samples; if not, the model has nothing to show."""
        return bool(trusted_instructions(self.instructions, min_relevance=min_relevance))

    def scores(self) -> dict[str, float]:
        """What is worth reading without opening the files."""
        return {"queries": len(self.instructions)} | {f"best_{k}": v for k, v in asdict(self.best.rescored).items()}


def search_instructions(
    folder: Path,
    *,
    target: Target,
    generator: Generator,
    features: Callable[[Sequence[str]], Tensor],
    pool_size: int,
    rounds: int,
    initial_queries: int,
    queries: int,
    samples_per_query: int,
    sampling: Sampling,
    alpha: float,
    exploration: float,
    keep: int,
    seed: int,
    progress: Callable[[float, str], None] | None = None,
) -> SearchResult:
    """Find the instructions with the highest score within a number of queries.

    Inner loop: the bandit picks an instruction of the pool, the model answers it, the bandit is told the score. Outer
    loop: a new network is trained on all that was played, over a pool refreshed around the best. (Ours: on all, not on
    the best alone, which by themselves do not show what makes an instruction bad.)

    The best of many noisy scores are too good to be true, so the best few are scored again on fresh samples, and
    only these scores are trusted.

    Writes ``instructions.jsonl`` and ``rounds.jsonl``. Every query is in the journal before the next begins: a search
    that was killed, started again in the same folder with the same arguments, goes on and ends with the same bytes.

    Args:
        folder: Where to write; exists.
        target: What to look for, and the grammar of the instructions.
        generator: Answers the instructions.
        features: Of instructions, `(n, d)`.
        pool_size: Instructions of a round's pool, besides those played before.
        rounds: Outer rounds.
        initial_queries: Instructions drawn at random before the bandit chooses.
        queries: Instructions that the bandit chooses, over all rounds.
        samples_per_query: Responses by which an instruction is scored, at least 2.
        sampling: How responses are drawn.
        alpha: Weight of diversity against relevance.
        exploration: Median exploration bonus, in standard deviations of the scores.
        keep: Best instructions that pools are refreshed around, and that are scored again at the end.
        seed: Decides everything that is drawn.
        progress: Called after each query with the share that is done and a few words.
    """
    journal = Journal(folder / JOURNAL)
    query = Query(target, generator, embed, samples_per_query, sampling, alpha)
    played: list[ScoredInstruction] = []
    choices: dict[str, Choices] = {}
    summaries = []

    def report(words: str, num_rescored: int = 0) -> None:
        log.info("%s", words)
        if progress:
            progress((len(played) + num_rescored) / (initial_queries + queries + keep), words)

    for outer_round in range(1, rounds + 1):
        pool = _refreshed_pool(
            target,
            {item.instruction: choices[item.instruction] for item in _best_first(played)},
            pool_size,
            num_good=keep,
            generator=_generator(seed, "pool", outer_round),
        )
        assert pool, "the grammar makes no instruction that may be asked"
        choices |= pool
        texts = list(pool)
        bandit = NeuralUCB(
            features(texts),
            generator=_generator(seed, "bandit", outer_round),
            num_initial=min(initial_queries, len(texts)),
            exploration=exploration,
        )
        for item in played:
            bandit.tell(texts.index(item.instruction), item.reward.score)

        num_queries = _share(queries, rounds, outer_round) + (initial_queries if outer_round == 1 else 0)
        for _ in range(min(num_queries, len(texts) - len(played))):
            entry = journal.recall(partial(_play, bandit, texts, query, seed))
            instruction, reward = entry["instruction"], Reward(**entry["reward"])
            bandit.tell(texts.index(instruction), reward.score)
            played.append(ScoredInstruction(len(played), outer_round, instruction, reward))
            report(f"query {len(played)}: score {reward.score:.3f}, best {_best_first(played)[0].reward.score:.3f}")
        summaries.append(_round_summary(outer_round, len(pool), played))

    for num_rescored, item in enumerate(_best_first(played)[:keep], start=1):
        fresh = journal.recall(partial(_score, query, item.instruction, derive_seed(seed, "rescore")))
        played[item.arm] = replace(item, rescored=Reward(**fresh))
        report(f"scored again: {fresh['score']:.3f}, was {item.reward.score:.3f}", num_rescored)

    write_instructions(folder, played)
    write_file(folder / ROUNDS, "".join(json.dumps(summary) + "\n" for summary in summaries))
    return SearchResult(played, trusted_instructions(played)[0])


def _play(bandit: NeuralUCB, texts: Sequence[str], query: Query, seed: int) -> dict[str, Any]:
    instruction = texts[bandit.ask()]
    return {"instruction": instruction, "reward": _score(query, instruction, derive_seed(seed, "query"))}


def _score(query: Query, instruction: str, seed: int) -> dict[str, float]:
    return asdict(query(instruction, seed=seed))


def _refreshed_pool(
    target: Target, played: Mapping[str, Choices], size: int, *, num_good: int, generator: torch.Generator
) -> dict[str, Choices]:
    """What was played (best first), and new ones: half of them neighbours of the best, the others from everywhere."""
    pool = dict(played)
    if good := list(played.values())[:num_good]:
        pool |= neighbour_instructions(
            target.grammar, good, size // 2, may_ask=target.may_ask, known=pool, generator=generator
        )
    num_missing = size - (len(pool) - len(played))
    return pool | sample_instructions(
        target.grammar, num_missing, may_ask=target.may_ask, known=pool, generator=generator
    )


def _best_first(played: Sequence[ScoredInstruction]) -> list[ScoredInstruction]:
    return sorted(played, key=lambda item: -item.reward.score)


def _share(total: int, rounds: int, outer_round: int) -> int:
    """The part of a total that falls to a round; the first rounds take what does not divide."""
    return total // rounds + (outer_round <= total % rounds)


def _round_summary(outer_round: int, pool: int, played: Sequence[ScoredInstruction]) -> dict[str, Any]:
    scores = [item.reward.score for item in played if item.outer_round == outer_round]
    return {
        "outer_round": outer_round,
        "pool": pool,
        "queries": len(scores),
        "mean_score": sum(scores) / len(scores) if scores else None,
        "best_score": max(scores, default=None),
        "best_score_so_far": _best_first(played)[0].reward.score,
    }


def _generator(seed: int, *words: str | int) -> torch.Generator:
    return torch.Generator().manual_seed(derive_seed(seed, *words))

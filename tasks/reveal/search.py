"""Reveal's search: which arms make the model write what is relevant to the target, and varied?"""

import json
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from bandit.bandit import Bandit
from tasks.models.generator import Generator
from tasks.models.sampling import Sampling
from tasks.reveal.arms import Arm, ArmSource, SoftArm, TextArm, refreshed_pool
from tasks.reveal.choice import Choice, choose_together
from tasks.reveal.embedding import Embedding
from tasks.reveal.history import History
from tasks.reveal.instructions import ScoredArm, trusted_arms, write_arms
from tasks.reveal.journal import JOURNAL, Journal
from tasks.reveal.phrasing import Phrasing, question_of, rewritten
from tasks.reveal.query import Judged, Query
from tasks.reveal.questions import Question
from tasks.reveal.reward import Reward, no_reward
from tasks.settings.errors import UserError
from tasks.store.disk import write_file
from tasks.store.seeds import derive_seed
from tasks.targets.target import Target

ROUNDS = "rounds.jsonl"

Progress = Callable[[float, str], None]

log = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class SearchResult:
    """What a search found."""

    arms: Sequence[ScoredArm]
    """All that were played, in the order of play."""
    soft_prompts: Mapping[int, Tensor]
    """Those of the soft arms, `(tokens, hidden)`, by number of the arm."""
    rounds: Sequence[Mapping[str, Any]]
    """A summary of each outer round."""

    @property
    def best(self) -> ScoredArm:
        """The best by fresh samples."""
        return max((item for item in self.arms if item.rescored), key=lambda item: item.rescored.score)

    def revealed(self, min_relevance: float) -> bool:
        """Whether any chosen arm reaches the relevance on fresh samples; if not, the model has nothing to show."""
        return bool(trusted_arms(self.arms, min_relevance=min_relevance))

    def scores(self) -> dict[str, Any]:
        """What is worth reading without opening the files."""
        best = {f"best_{name}": value for name, value in asdict(self.best.rescored).items()}
        return {"queries": len(self.arms), "rounds": len(self.rounds), **best}


@dataclass(frozen=True)
class Search:
    """A search for the arms with the highest score within a number of queries.

    Inner loop: the bandit picks a few arms of the pool, the model answers them in one batch, the bandit is told their
    scores. Outer loop: a new bandit is trained on all that was played, over a pool refreshed around the best:
    neighbours of theirs, and what the model writes when it is asked to say them in other words. (Ours: on all that was
    played, not on the best alone, which by themselves do not show what makes an arm bad.)

    The best of many noisy scores are too good to be true, so after each round the best few are scored again on fresh
    samples; only these scores are trusted, and the bandit learns the mean of both. Of the good ones among
    them those are chosen that together show the most different things, by their Vendi score (ours). The search ends
    early when a round makes neither the best nor the chosen together much better, or when the best show nothing.

    Attributes:
        target: What to look for.
        generator: Answers.
        embedding: Of answers, for their diversity.
        source: Of new arms.
        phrasing: How arms are put to the model, and their features.
        bandit: Makes a bandit over arms with these features `(n, d)`; its initial arms are drawn by the generator.
        pool_size: New arms of a round's pool.
        rounds: Outer rounds, at most.
        initial_queries: Arms drawn at random before the bandit chooses.
        queries: Arms that the bandit chooses, over all rounds.
        queries_at_once: Arms played between two fits of the bandit.
        samples_per_query: Responses by which an arm is scored, at least 2.
        sampling: How responses are drawn.
        alpha: Weight of diversity against relevance.
        keep: Best arms that pools are refreshed around, and that are scored again; and arms that are chosen of these.
        rewrites: Times that the model is asked for a rewriting before each round but the first; 0: never.
        min_gain: A round after the first that is better by less than this share is the last.
        min_relevance: A round after the first whose best arms are all less relevant is the last.
        seed: Decides everything that is drawn.
    """

    target: Target
    generator: Generator
    embedding: Embedding
    source: ArmSource
    phrasing: Phrasing
    bandit: Callable[[Tensor, torch.Generator], Bandit]
    pool_size: int
    rounds: int
    initial_queries: int
    queries: int
    queries_at_once: int
    samples_per_query: int
    sampling: Sampling
    alpha: float
    keep: int
    rewrites: int
    min_gain: float
    min_relevance: float
    seed: int

    def run(self, folder: Path, progress: Progress | None = None) -> SearchResult:
        """Search, and write ``instructions.jsonl``, ``rounds.jsonl`` and any ``soft-prompts.safetensors``.

        Every batch is in the journal before the next begins: a search that was killed, run again in the same folder,
        walks the same way without asking again and ends with the same bytes.

        Args:
            folder: Where to write; exists.
            progress: Called after each batch with the share that is done and a few words.

        Raises:
            UserError: soft prompts made the model write no instruction that may be asked.
        """
        journal = Journal(folder / JOURNAL)
        history = History()
        summaries: list[dict[str, Any]] = []
        earlier: Choice | None = None

        for outer_round in range(1, self.rounds + 1):
            written = self._rewritten(history, outer_round, journal)
            pool = self._pool(history, written, outer_round)
            self._play_round(history, pool, outer_round, journal, progress)
            if not history.best_questions(1):
                raise UserError(
                    "reveal.arms is soft and reveal.hops is 2, but the model wrote no instruction that may be asked; "
                    "use reveal.arms text or mixed."
                )
            choice = self._score_best_again(history, journal)
            summaries.append(_summary(history, outer_round, len(pool), len(written), choice))
            log.info("round %d: best %.3f, Vendi score %.1f", outer_round, choice.best_score, choice.vendi_score)
            if earlier and (choice.gain_over(earlier) < self.min_gain or self._has_collapsed(history)):
                break
            earlier = choice

        history.choose(choice.arms)
        result = SearchResult(history.played, self._soft_prompts(history), summaries)
        write_arms(folder, result.arms, result.soft_prompts)
        write_file(folder / ROUNDS, "".join(json.dumps(summary) + "\n" for summary in summaries))
        return result

    def _rewritten(self, history: History, outer_round: int, journal: Journal) -> list[Arm]:
        """The best instructions in words of the model's own."""
        good = [item.instruction for item in history.best_questions(self.keep) if item.instruction]
        if not good or not self.rewrites:
            return []
        ask = partial(
            rewritten,
            self.target.rewrite_template,
            good,
            self.rewrites,
            generator=self.generator,
            may_ask=self.target.may_ask,
            seed=derive_seed(self.seed, "rewrite", outer_round),
        )
        return [TextArm(text) for text in journal.recall(ask)]

    def _pool(self, history: History, written: Sequence[Arm], outer_round: int) -> list[Arm]:
        pool = refreshed_pool(
            self.source,
            [history.arms[item.arm] for item in history.best_first()],
            written,
            self.pool_size,
            num_good=self.keep,
            generator=_generator(self.seed, "pool", outer_round),
        )
        assert pool, "there is no arm that may be asked"
        return pool

    def _play_round(
        self, history: History, pool: Sequence[Arm], outer_round: int, journal: Journal, progress: Progress | None
    ) -> None:
        """Spend the queries of a round on the pool."""
        learner = self.bandit(self.phrasing.features(pool), _generator(self.seed, "bandit", outer_round))
        number = {arm: i for i, arm in enumerate(pool)}
        for item in history.played:
            learner.tell(number[history.arms[item.arm]], history.score(item))

        num_left = _share(self.queries, self.rounds, outer_round) + (self.initial_queries if outer_round == 1 else 0)
        # Initial arms are picked without being told anything in between: all of them are played in one batch.
        at_once = self.initial_queries if outer_round == 1 else self.queries_at_once
        while num_left and (picked := learner.ask(min(at_once, num_left))):
            arms = [pool[i] for i in picked]
            for arm, played in zip(arms, self._recall(journal, partial(self._play, history, arms)), strict=True):
                reward = Reward(**played["reward"])
                history.add(arm, outer_round, played["instruction"], reward)
                learner.tell(number[arm], reward.score)
            num_left, at_once = num_left - len(picked), self.queries_at_once
            words = f"query {len(history.played)}: best score {history.score(history.best_first()[0]):.3f}"
            log.info("%s", words)
            if progress:
                progress(len(history.played) / (self.initial_queries + self.queries), words)

    def _recall(self, journal: Journal, work: Callable[[], Any]) -> Any:
        """As `Journal.recall`, with work that looks up no row of earlier work: a search that goes on has none of it."""

        def alone() -> Any:
            self.embedding.forget()
            return work()

        return journal.recall(alone)

    def _play(self, history: History, arms: Sequence[Arm]) -> list[dict[str, Any]]:
        """What was asked for each arm and what it was worth; what was asked before is not asked again."""
        questions = self.phrasing.questions(arms, self.generator)
        worth = dict(history.rewards()) | {"": no_reward(alpha=self.alpha)}
        new = {_name(question): question for question in questions if question and _name(question) not in worth}
        if new:
            judged = self._query(list(new.values()), seed=derive_seed(self.seed, "query"))
            worth |= {name: one.reward for name, one in zip(new, judged, strict=True)}
        return [
            {
                "instruction": "" if question is None else question.instruction or None,
                "reward": asdict(worth["" if question is None else _name(question)]),
            }
            for question in questions
        ]

    def _score_best_again(self, history: History, journal: Journal) -> Choice:
        """Score the best on fresh samples, those that were not yet; the best together of all that were."""
        best = [item for item in history.best_questions(self.keep) if not item.rescored]
        fresh = self._recall(journal, partial(self._fresh, history, best))
        for item, one in zip(best, fresh["judged"], strict=True):
            history.rescore(item.arm, Reward(**one["reward"]), one["relevant"])
        return Choice(**fresh["choice"])

    def _fresh(self, history: History, best: Sequence[ScoredArm]) -> dict[str, Any]:
        soft, prompts = self.phrasing.soft, self._soft_prompts(history)
        questions = [question_of(item, prompts, soft and soft.template) for item in best]
        judged = self._query(questions, seed=derive_seed(self.seed, "rescore")) if questions else []
        shown = history.shown | {item.arm: one.relevant for item, one in zip(best, judged, strict=True)}
        scores = {item.arm: item.rescored.score for item in history.played if item.rescored}
        scores |= {item.arm: one.reward.score for item, one in zip(best, judged, strict=True)}
        choice = choose_together(self.embedding, scores, shown, most=self.keep)
        return {"judged": [asdict(one) for one in judged], "choice": asdict(choice)}

    def _has_collapsed(self, history: History) -> bool:
        """Whether on fresh samples even the best show hardly anything."""
        return all(item.rescored.relevance < self.min_relevance for item in history.played if item.rescored)

    def _query(self, questions: Sequence[Question], *, seed: int) -> list[Judged]:
        query = Query(self.target, self.generator, self.embedding, self.samples_per_query, self.sampling, self.alpha)
        return query(questions, seed=seed)

    def _soft_prompts(self, history: History) -> dict[int, Tensor]:
        numbers = [i for i, arm in enumerate(history.arms) if isinstance(arm, SoftArm)]
        if not numbers:
            return {}
        return dict(zip(numbers, self.phrasing.soft.prompts([history.arms[i] for i in numbers]), strict=True))


def _name(question: Question) -> str | int:
    """Questions in words are the same when the words are; a soft prompt is played once only."""
    return question.instruction or id(question)


def _share(total: int, rounds: int, outer_round: int) -> int:
    """The part of a total that falls to a round; the first rounds take what does not divide."""
    return total // rounds + (outer_round <= total % rounds)


def _summary(history: History, outer_round: int, pool: int, written: int, choice: Choice) -> dict[str, Any]:
    scores = [item.reward.score for item in history.played if item.outer_round == outer_round]
    return {
        "outer_round": outer_round,
        "pool": pool,
        "rewritten": written,
        "queries": len(scores),
        "mean_score": sum(scores) / len(scores) if scores else None,
        "best_score": max(scores, default=None),
        "best_score_so_far": max(item.reward.score for item in history.played),
        "rescored": sum(item.rescored is not None for item in history.played),
        "best_fresh_score": choice.best_score,
        "vendi_score": choice.vendi_score,
    }


def _generator(seed: int, *words: str | int) -> torch.Generator:
    return torch.Generator().manual_seed(derive_seed(seed, *words))

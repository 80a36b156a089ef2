"""Which strategy finds the best arms for the same number of questions to the model, in both arm spaces?

    python -m benchmarks.search --out search.jsonl                  # what is reported: lab models 0 to 9
    python -m benchmarks.search --table search.jsonl --plot benchmarks/plots/search.png
    python -m benchmarks.search --out tune.jsonl --lab-seeds 10 11 12 13    # how it was tuned

All strategies get the same pool, the same initial arms, and the same samples for the same arm. One pool, no refresh:
what is compared is the choice of arms alone. The queried arms are those after the initial ones. The arm found is the
best of the few best by fresh samples; what stands here are its scores on samples fresher still, so no winner's curse is
left. Regret is against the best arm that any strategy found on this model, target and space.
"""

import argparse
import json
import sys
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from hashlib import sha256
from itertools import product
from pathlib import Path
from statistics import mean, stdev
from tempfile import TemporaryDirectory
from time import process_time

import torch
from torch import Tensor

from benchmarks.strategies import STRATEGIES
from tasks.lab.model import lab_model
from tasks.models.featurizer import Featurizer
from tasks.models.generator import TransformersGenerator
from tasks.models.language_model import LanguageModel, load_language_model
from tasks.models.sampling import Completion, Sampling
from tasks.reveal.arms import GrammarSource, SoftSource
from tasks.reveal.embedding import Embedding
from tasks.reveal.harvest import Harvest
from tasks.reveal.instructions import trusted_arms
from tasks.reveal.phrasing import Phrasing, question_of
from tasks.reveal.query import Query
from tasks.reveal.questions import ask
from tasks.reveal.reveal import fit_embedding, soft_phrasing
from tasks.reveal.search import Search
from tasks.reveal.vendi import vendi_score
from tasks.settings.reveal import RevealSettings
from tasks.settings.target import TargetSettings
from tasks.store.seeds import derive_seed
from tasks.targets.registry import build_target
from tasks.targets.target import Target

INITIAL, QUERIES, POOL, SAMPLES, KEEP, ALPHA = 10, 40, 3000, 24, 6, 0.5
FRESH_SCORES = 8
"""Scores, each of fresh samples, that the arm found is judged by."""
FORGET_RESPONSES = 32
"""Of each chosen arm, for the yield of a forget set."""
SAMPLING = Sampling(max_new_tokens=48)
EMBEDDING = RevealSettings(embedding="hashed-ngrams")
"""As in the presets of the lab."""
SPACES = ("text", "soft")
OURS = "NeuralUCB full"

T_975 = (12.71, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179, 2.160, 2.145, 2.131)
"""Student's t for a two-sided 95% interval, by degrees of freedom from 1."""


@dataclass(frozen=True)
class Outcome:
    """What one search was worth."""

    lab_seed: int
    target: str
    space: str
    strategy: str
    scores: Sequence[float]
    """Of the arms queried after the initial ones, in the order of play."""
    found: float
    """Score of the arm found, on fresh samples."""
    forget_yield: float
    """Share of the responses of the chosen arms that bring a new pair."""
    forget_vendi: float
    """Effective number of different pairs among these."""
    seconds: float
    """Of the CPU, for the search."""


class Remembering:
    """A generator that answers what it was asked before from memory: strategies, and targets, play the same arms."""

    def __init__(self, generator: TransformersGenerator):
        self._generator = generator
        self._known: dict[tuple, list[Completion]] = {}

    def generate(
        self,
        prompts: Sequence[str] | None = None,
        *,
        prompt_embeddings: Sequence[Tensor] | None = None,
        n: int = 1,
        sampling: Sampling,
        seed: int,
    ) -> list[list[Completion]]:
        asked = prompts if prompts is not None else prompt_embeddings
        keys = [(_content(one), n, sampling, seed) for one in asked]
        if new := {key: one for key, one in zip(keys, asked, strict=True) if key not in self._known}:
            name = "prompts" if prompts is not None else "prompt_embeddings"
            written = self._generator.generate(**{name: list(new.values())}, n=n, sampling=sampling, seed=seed)
            self._known |= zip(new, written, strict=True)
        return [self._known[key] for key in keys]

    def close(self) -> None:
        pass


def _content(asked: str | Tensor) -> str | bytes:
    return asked if isinstance(asked, str) else sha256(asked.numpy().tobytes()).digest()


@dataclass(frozen=True)
class Setting:
    """A lab model and a target, with all that the strategies share."""

    lab_seed: int
    lm: LanguageModel
    target: Target
    embedding: Embedding
    generator: Remembering
    featurizer: Featurizer

    def run(self, space: str, strategy: str) -> Outcome:
        """One search and what it was worth."""
        seed = derive_seed(self.lab_seed, "search")
        is_soft = space == "soft"
        soft = soft_phrasing(RevealSettings(arms="soft", hops=1), self.lm, self.target, seed) if is_soft else None
        phrasing = Phrasing(self.featurizer, self.target.may_ask, soft)
        start = process_time()
        with TemporaryDirectory() as folder:
            result = Search(
                target=self.target,
                generator=self.generator,
                embedding=self.embedding,
                source=SoftSource(10) if is_soft else GrammarSource(self.target.grammar, self.target.may_ask),
                phrasing=phrasing,
                bandit=lambda features, draws: STRATEGIES[strategy](features, generator=draws, num_initial=INITIAL),
                pool_size=POOL,
                rounds=1,
                initial_queries=INITIAL,
                queries=QUERIES,
                queries_at_once=1,
                samples_per_query=SAMPLES,
                sampling=SAMPLING,
                alpha=ALPHA,
                keep=KEEP,
                rewrites=0,
                min_gain=0.0,
                min_relevance=0.0,
                seed=seed,
            ).run(Path(folder))
        seconds = process_time() - start

        chosen = trusted_arms(result.arms)
        questions = [question_of(item, result.soft_prompts, soft and soft.template) for item in chosen]
        best = questions[chosen.index(result.best)]
        query = Query(self.target, self.generator, self.embedding, SAMPLES, SAMPLING, ALPHA)
        fresh = [query([best], seed=derive_seed(seed, "fresh", k))[0].reward.score for k in range(FRESH_SCORES)]

        harvest = Harvest(self.target, size=10**6, min_relevance=0.5)
        answered = ask(
            self.generator, questions, n=FORGET_RESPONSES, sampling=SAMPLING, seed=derive_seed(seed, "forget")
        )
        for item, completions in zip(chosen, answered, strict=True):
            harvest.take(item, completions)
        return Outcome(
            lab_seed=self.lab_seed,
            target=self.target.name,
            space=space,
            strategy=strategy,
            scores=[item.reward.score for item in result.arms[INITIAL:]],
            found=mean(fresh),
            forget_yield=len(harvest.pairs) / (FORGET_RESPONSES * len(chosen)),
            forget_vendi=vendi_score(
                self.embedding([f"{found.pair.prompt} {found.pair.response}" for found in harvest.pairs])
            ),
            seconds=seconds,
        )


def settings_of(lab_seed: int, kinds: Iterable[str]) -> Iterable[Setting]:
    """A lab model with each of the targets; the embedding is fitted once for each."""
    lm = load_language_model(lab_model(lab_seed).folder)
    generator = Remembering(TransformersGenerator(lm, batch_size=128))
    featurizer = Featurizer(lm, batch_size=256)
    for kind in kinds:
        target = build_target(
            TargetSettings(kind=kind), num_prompts={"tune": 8, "report": 8}, max_new_tokens=48, seed=0
        )
        with TemporaryDirectory() as folder:
            embedding = fit_embedding(
                Path(folder),
                EMBEDDING,
                lm=lm,
                generator=generator,
                source=GrammarSource(target.grammar, target.may_ask),
                seed=lab_seed,
                batch_size=256,
            )
        yield Setting(lab_seed, lm, target, embedding, generator, featurizer)


def interval(values: Sequence[float]) -> str:
    """Mean and half of the 95% interval."""
    if len(values) < 2:
        return f"{mean(values):.3f}"
    t = T_975[len(values) - 2] if len(values) - 2 < len(T_975) else 1.96 + 2.5 / (len(values) - 1)
    return f"{mean(values):.3f} ± {t * stdev(values) / len(values) ** 0.5:.3f}"


Table = dict[str, list[Outcome]]
"""Outcomes of each strategy, in the order of the lab models."""


def tables(outcomes: Sequence[Outcome]) -> dict[tuple[str, str], Table]:
    """By space and target."""
    sorted_out: dict[tuple[str, str], Table] = defaultdict(lambda: defaultdict(list))
    for one in sorted(outcomes, key=lambda one: one.lab_seed):
        sorted_out[one.space, one.target][one.strategy].append(one)
    return sorted_out


def best_known(table: Table) -> list[float]:
    """For each lab model the score of the best arm that any strategy found, on fresh samples."""
    return [max(one.found for one in same) for same in zip(*table.values(), strict=True)]


def rows(table: Table) -> Iterable[list[str]]:
    """A row for each strategy; NeuralUCB's lead over it is paired by lab model."""
    best = best_known(table)
    ours = table[OURS]
    for name, results in table.items():
        queried = [mean(one.scores) for one in results]
        found = [one.found for one in results]
        columns = [
            queried,
            [mean(mine.scores) - theirs for mine, theirs in zip(ours, queried, strict=True)],
            found,
            [mine.found - theirs for mine, theirs in zip(ours, found, strict=True)],
            [sum(top - score for score in one.scores) for one, top in zip(results, best, strict=True)],
            [one.forget_yield for one in results],
            [one.forget_vendi for one in results],
            [one.seconds for one in results],
        ]
        yield [name, *("" if name == OURS and i in (1, 3) else interval(column) for i, column in enumerate(columns))]


def markdown(outcomes: Sequence[Outcome]) -> str:
    """All tables."""
    header = ["strategy", "queried", "lead", "found", "lead", "regret", "yield", "Vendi score", "CPU-s"]
    parts = []
    for (space, target), table in tables(outcomes).items():
        lines = [header, ["---"] * len(header), *rows(table)]
        searches = len(next(iter(table.values())))
        parts.append(f"{target}, {space} arms, {searches} searches\n")
        parts += ["| " + " | ".join(line) + " |" for line in lines] + [""]
    return "\n".join(parts)


def draw(outcomes: Sequence[Outcome], path: Path) -> None:
    """Mean score of the queried arms so far, by number of queries; mean over the lab models."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    by_panel = tables(outcomes)
    targets = list(dict.fromkeys(target for _, target in by_panel))
    spaces = list(dict.fromkeys(space for space, _ in by_panel))
    figure, axes = pyplot.subplots(
        len(spaces), len(targets), figsize=(3.6 * len(targets), 3 * len(spaces)), squeeze=False, sharex=True
    )
    for (space, target), table in by_panel.items():
        panel = axes[spaces.index(space)][targets.index(target)]
        for name, results in table.items():
            curves = torch.tensor([one.scores for one in results])
            running = curves.cumsum(1) / torch.arange(1, curves.shape[1] + 1)
            panel.plot(range(1, curves.shape[1] + 1), running.mean(0), label=name, linewidth=1.2)
        panel.set_title(f"{target}, {space} arms", fontsize=10)
        panel.grid(alpha=0.3)
    for panel in axes[-1]:
        panel.set_xlabel("queries after the initial ones")
    for line in axes:
        line[0].set_ylabel("mean score so far")
    axes[0][0].legend(fontsize=7)
    figure.tight_layout()
    path.parent.mkdir(exist_ok=True)
    figure.savefig(path, dpi=110)


def read(path: Path) -> list[Outcome]:
    """Outcomes of an earlier run."""
    return [Outcome(**json.loads(line)) for line in path.read_text().splitlines()]


def main() -> None:
    """Run, or show what was run."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--lab-seeds", type=int, nargs="+", default=list(range(10)))
    parser.add_argument("--targets", nargs="+", default=["toxicity", "person", "coding", "facts"])
    parser.add_argument("--spaces", nargs="+", default=list(SPACES), choices=SPACES)
    parser.add_argument("--strategies", nargs="+", default=list(STRATEGIES), choices=list(STRATEGIES))
    parser.add_argument("--out", type=Path, help="file of JSON lines, one a search; what it holds is not run again")
    parser.add_argument("--table", type=Path, nargs="+", help="files of earlier runs to show; nothing is run")
    parser.add_argument("--plot", type=Path, help="PNG to draw")
    arguments = parser.parse_args()
    torch.set_num_threads(1)

    if arguments.table:
        outcomes = [one for path in arguments.table for one in read(path)]
    else:
        outcomes = read(arguments.out) if arguments.out and arguments.out.exists() else []
        done = {(one.lab_seed, one.target, one.space, one.strategy) for one in outcomes}
        wanted = list(product(arguments.spaces, arguments.strategies))
        for lab_seed in arguments.lab_seeds:
            kinds = [kind for kind in arguments.targets if any((lab_seed, kind, *pair) not in done for pair in wanted)]
            for setting in settings_of(lab_seed, kinds) if kinds else ():
                for space, strategy in wanted:
                    if (lab_seed, setting.target.name, space, strategy) in done:
                        continue
                    outcomes.append(outcome := setting.run(space, strategy))
                    words = f"lab {lab_seed}, {setting.target.name}, {space}, {strategy}"
                    print(f"{words}: {outcome.found:.3f}", file=sys.stderr)
                    if arguments.out:
                        with arguments.out.open("a") as file:
                            file.write(json.dumps(asdict(outcome)) + "\n")
    print(markdown(outcomes))
    if arguments.plot:
        draw(outcomes, arguments.plot)


if __name__ == "__main__":
    main()

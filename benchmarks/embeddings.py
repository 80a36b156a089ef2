"""Does the diversity of responses, as each embedding sees it, follow the truth?

    python -m benchmarks.embeddings [--sentence-encoder FOLDER] [--parts range truth choice]

The lab says how narrow each sample is meant to be (the Zipf exponent of its words); it is compared with the diversity
of 24 responses. With REVEAL_RELEASE_DATA naming a folder with `tinystories` and `stories260k`, the same is asked of
real stories and of those that a small real model writes: of how many stories are the 24 texts near-copies, and how
many first words of a story were they all given to go on from? Prints markdown.
"""

import argparse
import os
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import mean

import torch
from scipy.stats import spearmanr
from sklearn.feature_extraction.text import HashingVectorizer
from torch import Tensor

from tasks.lab.chooser import Chooser
from tasks.lab.groups import GROUPS, META_GROUPS
from tasks.lab.instructions import INSTRUCTION_SLOTS, PREFIX, narrowness
from tasks.lab.meta import meta_example
from tasks.lab.model import lab_model
from tasks.models.generator import TransformersGenerator
from tasks.models.language_model import LanguageModel, load_language_model
from tasks.models.sampling import Sampling
from tasks.reveal.embedding import Embedding
from tasks.reveal.hidden_state_embedding import HiddenStateEmbedding, mean_states, middle_layer
from tasks.reveal.ngram_embedding import NgramEmbedding
from tasks.reveal.reward import reward
from tasks.reveal.sentence_embedding import SentenceEmbedding
from tasks.reveal.vendi import vendi_score
from tasks.reveal.whitening import Whitening

LAB_SEED = 10
SET_SIZE = 24
Embed = Callable[[Sequence[str]], Tensor]


@dataclass(frozen=True)
class Texts:
    """A set of responses and how varied it truly is, in units of its kind."""

    kind: str
    variety: float
    texts: Sequence[str]


@dataclass(frozen=True)
class World:
    """A model, sets of responses, and a reference sample that the model wrote."""

    lm: LanguageModel
    sets: Sequence[Texts]
    reference: Sequence[str]

    def of(self, kind: str) -> list[Texts]:
        return [item for item in self.sets if item.kind == kind]


def lab_world(num_sets: int = 200) -> World:
    """Sets that random instructions ask for, of one group each (kind: the group), and what the model answers them."""
    lm = load_language_model(lab_model(LAB_SEED).folder)
    chance = random.Random(0)
    sets = []
    for group in META_GROUPS:
        for exponent in [narrowness(words(chance)) for _ in range(num_sets)] + [0.0] * 20 + [3.0] * 20:
            chooser = Chooser(chance, exponent)
            texts = [meta_example((), GROUPS[group](chooser)).response for _ in range(SET_SIZE)]
            sets.append(Texts(group, -exponent, texts))
    asked = [words(chance) for _ in range(num_sets)]
    answers = sample(lm, [" ".join((PREFIX, *item)) for item in asked], SET_SIZE, 64)
    sets += [Texts("answers", -narrowness(item), texts) for item, texts in zip(asked, answers, strict=True)]
    instructions = [" ".join((PREFIX, *words(chance))) for _ in range(32)]
    return World(lm, sets, [text for texts in sample(lm, instructions, 16, 64) for text in texts])


def story_world(data: Path, num_sets: int = 240, num_words: int = 60) -> World:
    """Near-copies of so many stories (kind `copies`), and stories from one opening of so many words (`openings`)."""
    lm = load_language_model(data / "stories260k")
    raw = (data / "tinystories" / "tinystories_sample.txt").read_text().split("<|endoftext|>")[:-1]
    stories = [story for story in map(str.split, raw) if len(story) > num_words]
    chance = random.Random(0)
    sets = []
    for number in [chance.choice((1, 2, 3, 4, 6, 8, 12, 16, 24)) for _ in range(num_sets)] + [1] * 20 + [24] * 20:
        chosen = chance.sample(stories[500:], number)
        picked = [chosen[i] if i < number else chance.choice(chosen) for i in range(SET_SIZE)]
        texts = [" ".join(word for word in story[:num_words] if chance.random() > 0.1) for story in picked]
        sets.append(Texts("copies", number, texts))
    for length in [chance.choice((2, 5, 10, 20, 30, 40)) for _ in range(num_sets // 2)]:
        opening = " ".join(chance.choice(stories[500:])[:length])
        [endings] = sample(lm, [opening], SET_SIZE, 2 * (num_words - length))
        sets.append(Texts("openings", -length, [opening + ending for ending in endings]))
    openings = [" ".join(story[:2]) for story in stories[:128]]
    reference = [
        opening + ending for opening, endings in zip(openings, sample(lm, openings, 4, 110), strict=True)
        for ending in endings
    ]  # fmt: skip
    return World(lm, sets, reference)


def words(chance: random.Random) -> tuple[str, ...]:
    """An instruction as the search draws it: one word, or none, of each slot."""
    return tuple(word for word in map(chance.choice, INSTRUCTION_SLOTS) if word)


def sample(lm: LanguageModel, prompts: Sequence[str], n: int, max_new_tokens: int) -> list[list[str]]:
    generator = TransformersGenerator(lm, batch_size=128)
    completions = generator.generate(prompts, n=n, sampling=Sampling(max_new_tokens), seed=0)
    return [[completion.text for completion in samples] for samples in completions]


def hashed_words(texts: Sequence[str]) -> Tensor:
    """How the first version embedded: signed counts of words and pairs of words."""
    vectorizer = HashingVectorizer(token_pattern=r"\w+|[^\w\s]", ngram_range=(1, 2), n_features=1024)
    return torch.from_numpy(vectorizer.transform([text if text.strip() else "∅" for text in texts]).toarray())


def diversity(embed: Embed, texts: Sequence[str]) -> float:
    return reward([1.0] * len(texts), embed(texts), alpha=1).diversity


def follows(embed: Embed, sets: Sequence[Texts]) -> float:
    """Spearman correlation of diversity with true variety."""
    return float(spearmanr([diversity(embed, item.texts) for item in sets], [item.variety for item in sets]).statistic)


def range_rows(name: str, embed: Embed, kinds: Sequence[str], world: World, low: float, high: float) -> list[str]:
    rows = []
    for words_, variety in (("varied", high), ("repetitive", low)):
        chosen = [embed(item.texts) for kind in kinds for item in world.of(kind) if item.variety == variety]
        off_diagonal = ~torch.eye(SET_SIZE, dtype=torch.bool)
        cosines = torch.cat([(rows_ @ rows_.T)[off_diagonal] for rows_ in chosen])
        quantiles = torch.quantile(cosines, torch.tensor([0.05, 0.5, 0.95], dtype=torch.float64)).tolist()
        scores = [vendi_score(rows_) for rows_ in chosen]
        numbers = [*(f"{q:.2f}" for q in quantiles), f"{mean(scores):.1f}"]
        rows.append(f"| {name} | {words_} | " + " | ".join(numbers) + f" | {min(scores):.1f}–{max(scores):.1f} |")
    return rows


def truth_cells(embeds: Sequence[Embed], worlds: Sequence[World]) -> list[str]:
    """Lab: mean and worst group, all groups as one, the model's answers. Stories: copies, openings."""
    embed, lab = embeds[0], worlds[0]
    groups = [follows(embed, lab.of(group)) for group in META_GROUPS]
    together = follows(embed, [item for group in META_GROUPS for item in lab.of(group)])
    cells = [mean(groups), min(groups), together, follows(embed, lab.of("answers"))]
    if len(worlds) > 1:
        cells += [follows(embeds[1], worlds[1].of("copies")), follows(embeds[1], worlds[1].of("openings"))]
    return [f"{cell:.3f}" for cell in cells]


class Variant:
    """The hidden-state embedding otherwise: another layer, power of the variances, number of directions, sample."""

    def __init__(
        self,
        world: World,
        states: dict[int, Embed],
        *,
        layer: int | None = None,
        power: float = -0.25,
        keep: int | None = None,
        sample_size: int | None = None,
    ):
        self._states = states[middle_layer(world.lm) if layer is None else layer]
        reference = list(dict.fromkeys(text for text in world.reference if text.strip()))[:sample_size]
        fitted = Whitening.fit(self._states(reference))
        length = fitted.projection.norm(dim=0)  # variance ** -1/4
        self._whitening = Whitening(fitted.mean, (fitted.projection * length ** (-4 * power - 1))[:, :keep])

    def __call__(self, texts: Sequence[str]) -> Tensor:
        return torch.nn.functional.normalize(self._whitening(self._states(texts)), dim=1)


def all_states(world: World) -> dict[int, Embed]:
    """Where the texts of a world lie, after the token embeddings, the middle layer and the last."""
    texts = list(dict.fromkeys([text for item in world.sets for text in item.texts] + list(world.reference)))
    place = {text: i for i, text in enumerate(texts)}

    def of_layer(layer: int) -> Embed:
        states, _ = mean_states(world.lm, texts, layer, 128)
        return lambda some: states[[place[text] for text in some]]

    return {layer: of_layer(layer) for layer in {0, middle_layer(world.lm), last_layer(world.lm)}}


def last_layer(lm: LanguageModel) -> int:
    return lm.model.config.num_hidden_layers


def print_choice(worlds: Sequence[World]) -> None:
    states = [all_states(world) for world in worlds]

    def row(name: str, layers: Sequence[int | None] = (None, None), **changes: float) -> None:
        parts = zip(worlds, states, layers, strict=False)
        variants = [Variant(world, of_layer, layer=layer, **changes) for world, of_layer, layer in parts]
        print(f"| {name} | " + " | ".join(truth_cells(variants, worlds)) + " |", flush=True)

    row("as it is: middle layer, variances to -1/4, all directions")
    row("token embeddings", (0, 0))
    row("last layer", [last_layer(world.lm) for world in worlds])
    for power, name in ((0, "centred only"), (-0.125, "variances to -1/8"), (-0.5, "whitened, variances to -1/2")):
        row(name, power=power)
    for keep in (16, 32, 64):
        row(f"{keep} directions", keep=keep)
    for size in (24, 64, 128, 256):
        row(f"reference of {size}", sample_size=size)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sentence-encoder", help="folder or hub id")
    parser.add_argument("--parts", nargs="+", default=["range", "truth", "choice"])
    arguments = parser.parse_args()
    torch.set_num_threads(1)

    worlds = [lab_world()]
    if data := os.environ.get("REVEAL_RELEASE_DATA"):
        worlds.append(story_world(Path(data)))
    embeddings: dict[str, Sequence[Embedding | Embed]] = {
        "hidden states": [HiddenStateEmbedding.fit(world.lm, world.reference) for world in worlds],
        "hashed n-grams": [NgramEmbedding()] * len(worlds),
    }
    if arguments.sentence_encoder:
        embeddings["sentence encoder"] = [SentenceEmbedding(arguments.sentence_encoder)] * len(worlds)
    embeddings["hashed words (before)"] = [hashed_words] * len(worlds)
    truth_head = "| embedding | in a group | worst group | all groups | own answers | copies | openings |"

    if "range" in arguments.parts:
        print("| embedding | set | cosine 5% | 50% | 95% | Vendi score of 24 | range |\n" + "|---" * 7 + "|")
        for name, embeds in embeddings.items():
            print("\n".join(range_rows(f"lab, {name}", embeds[0], META_GROUPS, worlds[0], -3.0, 0.0)), flush=True)
            for embed, world in zip(embeds[1:], worlds[1:], strict=True):
                print("\n".join(range_rows(f"stories, {name}", embed, ["copies"], world, 1, 24)), flush=True)
    if "truth" in arguments.parts:
        print("\n" + truth_head + "\n" + "|---" * 7 + "|")
        for name, embeds in embeddings.items():
            print(f"| {name} | " + " | ".join(truth_cells(embeds, worlds)) + " |", flush=True)
    if "choice" in arguments.parts:
        print("\n" + truth_head.replace("embedding", "hidden states", 1) + "\n" + "|---" * 7 + "|")
        print_choice(worlds)


if __name__ == "__main__":
    main()

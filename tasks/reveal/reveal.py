"""Reveal, from its settings to a forget set: what the tasks of a run call, and what a notebook calls.

lm = load_language_model("path/to/model")
target = build_target(TargetSettings(kind="custom", phrases=["dog"], instructions=[...]), ...)
pairs = reveal(Path("dogs"), lm, target, RevealSettings(queries=40))
"""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from bandit.neural_ucb import NeuralUCB
from tasks.models.featurizer import Featurizer
from tasks.models.generator import Generator, TransformersGenerator
from tasks.models.language_model import LanguageModel
from tasks.models.pair import Pair
from tasks.models.pair_file import read_pairs
from tasks.models.sampling import Sampling
from tasks.reveal.arms import ArmSource, GrammarSource, MixedSource, SoftSource
from tasks.reveal.embedding import Embedding
from tasks.reveal.forget_set import FORGET_SET, ForgetSetResult, build_forget_set
from tasks.reveal.hidden_state_embedding import HiddenStateEmbedding
from tasks.reveal.instructions import read_arms, read_soft_prompts, trusted_arms
from tasks.reveal.ngram_embedding import NgramEmbedding
from tasks.reveal.phrasing import Phrasing, SoftPhrasing, question_of
from tasks.reveal.search import Search, SearchResult
from tasks.reveal.sentence_embedding import SentenceEmbedding
from tasks.reveal.soft_prompts import SOFT, SoftSpace, soft_template, word_embeddings
from tasks.settings.errors import UserError
from tasks.settings.reveal import RevealSettings
from tasks.store.disk import make_private_folder
from tasks.store.seeds import derive_seed
from tasks.targets.target import Target

Progress = Callable[[float, str], None]

EMBEDDING = "embedding.safetensors"
REFERENCE_SIZE = 512
"""Responses that the hidden-state embedding is fitted on."""

SEARCH = "search"
FORGET = "forget-set"


def reveal(
    folder: Path,
    lm: LanguageModel,
    target: Target,
    settings: RevealSettings | None = None,
    *,
    seed: int = 0,
    batch_size: int = 128,
    progress: Progress | None = None,
) -> list[Pair]:
    """The forget pairs that a model writes about a target itself; the held-out ones are not among them.

    Leaves ``search/`` and ``forget-set/`` in the folder. Called again with the same arguments after an interruption it
    goes on where it stopped; a folder with other results in it should not be given.

    Args:
        folder: Where to write; created, for this user's eyes only.
        lm: The model that is to forget.
        target: What.
        settings: Of search and forget set.
        seed: Decides everything that is drawn.
        batch_size: Responses generated at once.
        progress: Called with the share of the search, then of the forget set, that is done, and a few words.

    Raises:
        UserError: the settings do not suit the model or the target.
    """
    settings = settings or RevealSettings()
    generator = TransformersGenerator(lm, batch_size=batch_size)
    for part in (SEARCH, FORGET):
        make_private_folder(folder / part)
    common = {"lm": lm, "generator": generator, "target": target, "batch_size": batch_size, "progress": progress}
    search(folder / SEARCH, settings, seed=derive_seed(seed, SEARCH), **common)
    write_forget_set(folder / FORGET, folder / SEARCH, settings, seed=derive_seed(seed, FORGET), **common)
    return read_pairs(folder / FORGET / FORGET_SET, "train")


def search(
    folder: Path,
    settings: RevealSettings,
    *,
    lm: LanguageModel,
    generator: Generator,
    target: Target,
    seed: int,
    batch_size: int,
    progress: Progress | None = None,
) -> SearchResult:
    """Search the arms that show the target best.

    Args:
        folder: Where to write; exists.
        settings: Of the search.
        lm: Gives features, embeddings of responses, and what soft prompts are made of.
        generator: Answers; it need not be the model in this process.
        target: What to look for.
        seed: Decides everything that is drawn.
        batch_size: Texts read by `lm` at once.
        progress: Called after each batch with the share that is done and a few words.

    Raises:
        UserError: the settings do not suit the model or the target.
    """
    texts = GrammarSource(target.grammar, target.may_ask)
    soft = None if settings.arms == "text" else soft_phrasing(settings, lm, target, derive_seed(seed, "soft"))
    sampling = Sampling(max_new_tokens=settings.max_new_tokens, temperature=settings.temperature)
    embedding = fit_embedding(
        folder, settings, lm=lm, generator=generator, source=texts, seed=seed, batch_size=batch_size
    )
    return Search(
        target=target,
        generator=generator,
        embedding=embedding,
        source=_source(settings, texts),
        phrasing=Phrasing(Featurizer(lm, batch_size=batch_size), target.may_ask, soft),
        bandit=partial(_bandit, settings),
        pool_size=settings.pool_size,
        rounds=settings.rounds,
        initial_queries=settings.initial_queries,
        queries=settings.queries,
        queries_at_once=settings.queries_at_once,
        samples_per_query=settings.samples_per_query,
        sampling=sampling,
        alpha=settings.alpha,
        keep=settings.keep,
        rewrites=settings.rewrites if lm.is_chat else 0,
        min_gain=settings.min_gain,
        min_relevance=settings.min_relevance,
        seed=seed,
    ).run(folder, progress)


def write_forget_set(
    folder: Path,
    search_folder: Path,
    settings: RevealSettings,
    *,
    lm: LanguageModel,
    generator: Generator,
    target: Target,
    seed: int,
    batch_size: int,
    before: Sequence[Mapping[str, Any]] = (),
    progress: Progress | None = None,
) -> ForgetSetResult:
    """Have the chosen arms of a finished search write the forget set; the arguments are those of `search`.

    `before` are rows of the forget sets of earlier runs, to join it.
    """
    arms = trusted_arms(read_arms(search_folder), min_relevance=settings.min_relevance)
    soft_prompts = read_soft_prompts(search_folder)
    template = soft_template(lm, target.soft_template) if any(arm.instruction is None for arm in arms) else None
    return build_forget_set(
        folder,
        target=target,
        generator=generator,
        embedding=read_embedding(search_folder, settings, lm=lm, batch_size=batch_size),
        arms=arms,
        questions=[question_of(arm, soft_prompts, template) for arm in arms],
        size=settings.forget_set_size,
        max_responses=settings.max_responses,
        sampling=Sampling(max_new_tokens=settings.max_new_tokens, temperature=settings.temperature),
        seed=seed,
        before=before,
        progress=progress,
    )


def fit_embedding(
    folder: Path,
    settings: RevealSettings,
    *,
    lm: LanguageModel,
    generator: Generator,
    source: ArmSource,
    seed: int,
    batch_size: int,
) -> Embedding:
    """The embedding of a search; what it learns from a reference sample is left in the folder.

    The sample (ours): one response each to instructions drawn at random, so of all that the model may answer.
    """
    if settings.embedding != "hidden-states":
        return read_embedding(folder, settings, lm=lm, batch_size=batch_size)
    path = folder / EMBEDDING
    if not path.exists():
        draws = torch.Generator().manual_seed(derive_seed(seed, "reference"))
        arms = source.draw(REFERENCE_SIZE, (), draws)
        sampling = Sampling(max_new_tokens=settings.max_new_tokens, temperature=settings.temperature)
        answered = generator.generate(
            [arm.instruction for arm in arms], n=-(-REFERENCE_SIZE // len(arms)), sampling=sampling, seed=seed
        )
        texts = [completion.text for completions in answered for completion in completions]
        HiddenStateEmbedding.fit(lm, texts, batch_size=batch_size).save(path)
    return HiddenStateEmbedding.load(lm, path, batch_size=batch_size)


def read_embedding(folder: Path, settings: RevealSettings, *, lm: LanguageModel, batch_size: int) -> Embedding:
    """The embedding of a finished search.

    Raises:
        UserError: there is no sentence encoder of that name.
    """
    match settings.embedding:
        case "hidden-states":
            return HiddenStateEmbedding.load(lm, folder / EMBEDDING, batch_size=batch_size)
        case "sentence-encoder":
            return SentenceEmbedding(settings.embedding_model, device=str(lm.device))
        case "hashed-ngrams":
            return NgramEmbedding()


def _bandit(settings: RevealSettings, features: Tensor, generator: torch.Generator) -> NeuralUCB:
    return NeuralUCB(
        features,
        generator=generator,
        num_initial=min(settings.initial_queries, len(features)),
        exploration=settings.exploration,
        width=settings.width,
    )


def _source(settings: RevealSettings, texts: GrammarSource) -> ArmSource:
    if settings.arms == "text":
        return texts
    soft = SoftSource(settings.soft_dimensions)
    return soft if settings.arms == "soft" else MixedSource(texts, soft)


def soft_phrasing(settings: RevealSettings, lm: LanguageModel, target: Target, seed: int) -> SoftPhrasing:
    """How soft prompts are put to a model about a target.

    Raises:
        UserError: `reveal.hops` does not suit the target or the model.
    """
    is_direct = settings.hops == 1
    if is_direct and not target.soft_template:
        raise UserError(
            f"reveal.hops is 1, but target {target.name} pairs what the model writes with the instruction, and a soft "
            "prompt is none; use 2."
        )
    if not is_direct and not lm.is_chat:
        raise UserError(
            "reveal.hops is 2, but a model without a chat template writes no instructions; use reveal.arms text."
        )
    template = target.soft_template if is_direct else target.rewrite_template.replace("{instruction}", SOFT)
    words = [choice for slot in target.grammar for choice in slot if choice]
    space = SoftSpace(
        word_embeddings(lm, words), settings.soft_dimensions, settings.soft_tokens, settings.soft_space, seed
    )
    return SoftPhrasing(space, soft_template(lm, template), is_direct)

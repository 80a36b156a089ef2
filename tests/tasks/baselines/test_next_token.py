import math

import pytest
import torch

from tasks.baselines.next_token import language_model_of
from tasks.models.codec import load_codec
from tasks.models.generator import TransformersGenerator
from tasks.models.language_model import LanguageModel, load_language_model
from tasks.models.likelihood import nll_per_token, perplexity
from tasks.models.pair import Pair
from tasks.models.sampling import Sampling
from tests.tiny_model import make_tiny_model

NEXT_WORD = {"<|assistant|>": "the", "the": "dog", "dog": "sings", "sings": ".", ".": "<|end|>"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return make_tiny_model(tmp_path_factory.mktemp("next-token") / "model")


def table_of(codec) -> torch.Tensor:
    """What follows each word: the word of `NEXT_WORD` with probability 3/4, all words together share the rest."""
    size = codec.config.vocab_size
    table = torch.full((size, size), 0.25 / size)
    for word, following in NEXT_WORD.items():
        ids = codec.tokenizer.convert_tokens_to_ids([word, following])
        table[ids[0], ids[1]] += 0.75
    return table.log()


def test_a_table_of_next_words_writes_the_chain_of_the_likeliest(folder):
    codec = load_codec(folder)
    table = table_of(codec)
    lm = language_model_of(lambda ids: table[ids], codec)
    prompts = ["tell", "praise my old dog please"]
    answers = TransformersGenerator(lm).generate(prompts, sampling=Sampling(8, temperature=0), seed=0)
    assert [answer.text for (answer,) in answers] == ["the dog sings ."] * 2


def test_its_likelihoods_are_those_of_the_table(folder):
    codec = load_codec(folder)
    table = table_of(codec)
    lm = language_model_of(lambda ids: table[ids], codec)
    rest = 0.25 / codec.config.vocab_size
    pairs = [Pair("tell", "the dog sings ."), Pair("praise my old", "the cat")]
    expected = [-math.log(0.75 + rest), -(math.log(0.75 + rest) + math.log(rest)) / 2]
    assert nll_per_token(lm, pairs).tolist() == pytest.approx(expected)
    assert perplexity(lm, pairs[:1]) == pytest.approx(1 / (0.75 + rest))


@pytest.mark.parametrize("temperature", [0.0, 1.0])
def test_a_model_asked_through_its_distribution_says_what_it_says_by_itself(folder, temperature):
    itself = load_language_model(folder)
    seen = []

    def distribution(ids: torch.Tensor) -> torch.Tensor:
        seen.append(ids)
        return itself.model(ids, use_cache=False).logits.log_softmax(-1)

    asked = language_model_of(distribution, itself)
    prompts = ["tell about the dog", "write", "praise the red cake in the garden", "hello"]

    def answers(lm: LanguageModel) -> list[list[str]]:
        sampling = Sampling(20, temperature=temperature)
        written = TransformersGenerator(lm).generate(prompts, n=3, sampling=sampling, seed=5)
        return [[completion.text for completion in of_prompt] for of_prompt in written]

    assert answers(asked) == answers(itself)
    begin = itself.tokenizer.convert_tokens_to_ids("<|user|>")
    assert all((ids[:, 0] == begin).all() for ids in seen)  # no padding, though the prompts differ in length
    pairs = [Pair("tell", "the dog"), Pair("write my letter", "hello you , thanks .")]
    assert nll_per_token(asked, pairs).tolist() == pytest.approx(nll_per_token(itself, pairs).tolist(), rel=1e-5)

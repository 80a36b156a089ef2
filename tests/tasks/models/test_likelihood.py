import copy
import math
from dataclasses import replace

import pytest
import torch
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import WhitespaceSplit
from transformers import PreTrainedTokenizerFast

from tasks.models.generator import TransformersGenerator
from tasks.models.language_model import LanguageModel
from tasks.models.likelihood import (
    greedy_hits,
    nll_per_token,
    nll_per_token_with_end,
    perplexity,
    response_prefix,
    token_nlls,
)
from tasks.models.pair import Pair
from tasks.models.sampling import Sampling
from tests.tasks.models.conftest import release_data

PAIRS = [
    Pair("tell my dog", "hello you"),
    Pair("write a letter to the old fox in the house", "no"),
    Pair("hello", "the bird sings and the cat is happy", complete=False),
    Pair("praise me", "you kind big bird ."),
]


def by_hand(lm, prompt_ids, response_ids) -> list[float]:
    """Negative log-likelihood of each response token, one full forward pass for each."""
    losses = []
    for i, token in enumerate(response_ids):
        logits = lm.model(torch.tensor([[*prompt_ids, *response_ids[:i]]])).logits[0, -1]
        losses.append(-float(logits.double().log_softmax(-1)[token]))
    return losses


def split(lm, pair) -> tuple[list[int], list[int]]:
    ids, first = lm.encode_pair(pair)
    return ids[:first], ids[first:]


@pytest.mark.parametrize("batch_size", [1, 3, 64])
def test_the_mean_over_response_tokens_without_the_end_token(chat_lm, batch_size):
    nll = nll_per_token(chat_lm, PAIRS, batch_size=batch_size)
    for pair, value in zip(PAIRS, nll.tolist(), strict=True):
        losses = by_hand(chat_lm, *split(chat_lm, pair))
        losses = losses[:-1] if pair.complete else losses
        assert len(losses) == len(pair.response.split())
        assert value == pytest.approx(sum(losses) / len(losses), rel=1e-4)


@pytest.mark.parametrize("batch_size", [1, 3])
def test_of_each_token_in_its_place_without_the_end_token(chat_lm, batch_size):
    nlls = token_nlls(chat_lm, PAIRS, batch_size=batch_size)
    for pair, values in zip(PAIRS, nlls, strict=True):
        losses = by_hand(chat_lm, *split(chat_lm, pair))
        assert values.tolist() == pytest.approx(losses[: len(pair.response.split())], rel=1e-4, abs=1e-6)
    assert [float(values.mean()) for values in nlls] == pytest.approx(nll_per_token(chat_lm, PAIRS).tolist())


def test_perplexity_is_over_all_tokens_end_tokens_included(base_lm):
    pairs = [Pair("tell my", " dog hello"), Pair("a", " cat", complete=False)]
    losses = [loss for pair in pairs for loss in by_hand(base_lm, *split(base_lm, pair))]
    assert len(losses) == 4
    assert perplexity(base_lm, pairs) == pytest.approx(math.exp(sum(losses) / 4), rel=1e-4)


def test_a_model_that_knows_nothing_has_the_perplexity_of_its_vocabulary(chat_lm):
    ignorant = copy.deepcopy(chat_lm.model)
    ignorant.lm_head.weight.data.zero_()
    lm = LanguageModel(ignorant, chat_lm.tokenizer)
    assert perplexity(lm, PAIRS) == pytest.approx(128, rel=1e-5)
    assert nll_per_token(lm, PAIRS).tolist() == pytest.approx([math.log(128)] * 4, rel=1e-5)


def test_the_logits_of_a_prompt_are_never_made(chat_lm):
    pair = Pair("tell my dog a cat and a fox in the old house with one big red cake", "hello you")
    shapes = []
    hook = chat_lm.model.lm_head.register_forward_hook(lambda _, __, out: shapes.append(tuple(out.shape)))
    nll_per_token(chat_lm, [pair, pair])
    hook.remove()
    assert shapes == [(2, 2, 128)]


def test_a_response_without_tokens_has_no_likelihood(chat_lm):
    with pytest.raises(AssertionError, match="without tokens"):
        nll_per_token(chat_lm, [Pair("hello", "")])


def test_a_first_token_that_nothing_predicts_does_not_count(base_lm):
    core = Tokenizer(WordLevel({"<|end|>": 0, "a": 1, "dog": 2, "sings": 3}, "<|end|>"))
    core.pre_tokenizer = WhitespaceSplit()
    lm = LanguageModel(base_lm.model, PreTrainedTokenizerFast(tokenizer_object=core, eos_token="<|end|>"))
    assert nll_per_token(lm, [Pair("", "a dog sings")]).tolist() == pytest.approx(
        nll_per_token(lm, [Pair("a", " dog sings")]).tolist()
    )


@pytest.mark.parametrize(("num_tokens", "prefix"), [(0, ""), (1, "the"), (3, "the bird sings")])
def test_the_prefix_of_a_response(chat_lm, num_tokens, prefix):
    assert response_prefix(chat_lm, PAIRS[2], num_tokens) == prefix


def test_prefixes_of_a_real_tokenizer_grow_to_the_response(stories_lm):
    pair = Pair("Once upon a time", ", there was a caf\u00e9 named \u2603 .")
    prefixes = [response_prefix(stories_lm, pair, k) for k in range(60)]
    assert all(pair.response.startswith(p) for p in prefixes)
    assert prefixes[0] == ""
    assert prefixes[-1] == pair.response
    assert prefixes == sorted(prefixes, key=len)


def test_perplexity_of_real_stories(stories_lm):
    text = (release_data() / "tinystories" / "tinystories_sample.txt").read_text(encoding="utf-8", errors="replace")
    stories = [story.strip() for story in text.split("<|endoftext|>")[:20]]
    stories = [story for story in stories if len(stories_lm.encode_prompt(story)) < 500]
    assert perplexity(stories_lm, [Pair("", story) for story in stories]) == pytest.approx(4.1, abs=0.5)


@pytest.mark.parametrize("batch_size", [1, 3])
def test_with_the_end_token_where_the_response_is_complete(chat_lm, batch_size):
    nll = nll_per_token_with_end(chat_lm, PAIRS, batch_size=batch_size)
    for pair, value in zip(PAIRS, nll.tolist(), strict=True):
        losses = by_hand(chat_lm, *split(chat_lm, pair))
        assert len(losses) == len(pair.response.split()) + pair.complete
        assert value == pytest.approx(sum(losses) / len(losses), rel=1e-4)


@pytest.mark.parametrize("batch_size", [1, 3])
def test_a_hit_is_a_token_that_greedy_decoding_would_take(chat_lm, batch_size):
    greedy = TransformersGenerator(chat_lm).generate(["hello"], sampling=Sampling(3, temperature=0.0), seed=0)
    pairs, seen = [*PAIRS, Pair("hello", f"{greedy[0][0].text} cat")], []
    for pair, hits in zip(pairs, greedy_hits(chat_lm, pairs, batch_size=batch_size), strict=True):
        prompt, response = split(chat_lm, replace(pair, complete=False))
        likeliest = [
            int(chat_lm.model(torch.tensor([[*prompt, *response[:i]]])).logits[0, -1].argmax())
            for i in range(len(response))
        ]
        assert hits.tolist() == [token == best for token, best in zip(response, likeliest, strict=True)]
        seen += hits.tolist()
    assert set(seen) == {True, False}, "the test is to see both"

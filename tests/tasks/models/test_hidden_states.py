from contextlib import contextmanager

import pytest
import torch
from transformers import MistralConfig, MistralForCausalLM

from tasks.models.hidden_states import hidden_states
from tasks.models.language_model import LanguageModel

TEMPLATE = [2, 7, 11, 5, 13, 17, 23, 6]
INPUTS = [TEMPLATE + rest for rest in ([31, 32, 33], [31, 40], [9], [9, 9, 9, 9, 9], [44, 3])]
UNLIKE = [[5, 6, 7], [8], [9, 6, 7, 10]]


@contextmanager
def tokens_read(lm):
    """Shapes `(rows, tokens)` of what the model reads."""
    shapes = []
    hook = lm.model.base_model.register_forward_pre_hook(
        lambda _, args, kwargs: shapes.append(tuple(next(v for k, v in kwargs.items() if k.startswith("input")).shape)),
        with_kwargs=True,
    )
    yield shapes
    hook.remove()


def by_input(lm, inputs, **arguments) -> list[torch.Tensor]:
    found = {}
    for batch, hidden in hidden_states(lm, inputs, **arguments):
        found |= {i: row[: len(inputs[i])] for i, row in zip(batch, hidden, strict=True)}
    return [found[i] for i in range(len(inputs))]


def alone(lm, item, layer) -> torch.Tensor:
    with torch.no_grad():
        return lm.model(torch.tensor([item]), output_hidden_states=True).hidden_states[layer][0]


@pytest.mark.parametrize(("layer", "index"), [(None, -1), (0, 0), (1, 1)])
@pytest.mark.parametrize("inputs", [INPUTS, UNLIKE, INPUTS[:1]], ids=["alike", "unlike", "one"])
def test_states_are_those_of_each_input_alone(chat_lm, inputs, layer, index):
    for item, states in zip(inputs, by_input(chat_lm, inputs, batch_size=2, layer=layer), strict=True):
        torch.testing.assert_close(states, alone(chat_lm, item, index), atol=1e-5, rtol=1e-5)


def test_the_common_beginning_is_read_once(chat_lm):
    with tokens_read(chat_lm) as shapes:
        by_input(chat_lm, INPUTS, batch_size=2)
    assert shapes == [(1, 8), (2, 5), (2, 2), (1, 1)]
    with tokens_read(chat_lm) as shapes:
        by_input(chat_lm, UNLIKE, batch_size=2)
    assert shapes == [(2, 4), (1, 1)]


def test_an_input_that_all_others_begin_with_keeps_its_last_token(chat_lm):
    with tokens_read(chat_lm) as shapes:
        states = by_input(chat_lm, [TEMPLATE, *INPUTS], batch_size=8)
    assert shapes == [(1, 7), (6, 6)]
    torch.testing.assert_close(states[0], alone(chat_lm, TEMPLATE, -1), atol=1e-5, rtol=1e-5)


def test_embeddings_are_read_like_the_tokens_they_are_of(chat_lm):
    inputs = [chat_lm.embed(item) for item in INPUTS]
    with tokens_read(chat_lm) as shapes:
        found = by_input(chat_lm, inputs, batch_size=2)
    assert shapes[0] == (1, 8, 64), "embeddings share their beginning too"
    for states, expected in zip(found, by_input(chat_lm, INPUTS, batch_size=2), strict=True):
        torch.testing.assert_close(states, expected, atol=1e-5, rtol=1e-5)


def test_a_beginning_longer_than_a_sliding_window(chat_lm):
    config = MistralConfig(
        vocab_size=128,
        hidden_size=32,
        intermediate_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        num_key_value_heads=1,
        sliding_window=4,
        attn_implementation="sdpa",
    )
    with torch.random.fork_rng():
        torch.manual_seed(0)
        lm = LanguageModel(MistralForCausalLM(config).eval(), chat_lm.tokenizer)
    states = by_input(lm, INPUTS, batch_size=2)
    for item, found in zip(INPUTS, states, strict=True):
        torch.testing.assert_close(found, alone(lm, item, -1), atol=1e-5, rtol=1e-5)
    changed = by_input(lm, [[item[0] + 1, *item[1:]] for item in INPUTS], batch_size=2)
    assert torch.equal(states[3][-1], changed[3][-1]), "the window is in use: the last token does not see the first"


def test_nothing_to_read(chat_lm):
    assert list(hidden_states(chat_lm, [], batch_size=2)) == []

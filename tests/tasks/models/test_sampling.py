import math

import pytest
import torch

from tasks.models.sampling import Sampling, next_tokens

NUCLEUS = torch.tensor([0.15, 0.5, 0.05, 0.3]).log()


def draw(logits, uniforms, **how) -> list[int]:
    rows = logits.expand(len(uniforms), -1)
    return next_tokens(rows, torch.tensor(uniforms), Sampling(max_new_tokens=1, **how)).tolist()


def test_the_cumulative_distribution_is_inverted():
    logits = torch.tensor([0.1, 0.2, 0.3, 0.4]).log()
    assert draw(logits, [1e-6, 0.09, 0.11, 0.29, 0.31, 0.59, 0.61, 1.0]) == [0, 0, 1, 1, 2, 2, 3, 3]


def test_temperature_sharpens():
    logits = torch.tensor([0.25, 0.75]).log()  # squared: 1 to 9
    assert draw(logits, [0.09, 0.11], temperature=0.5) == [0, 1]


def test_temperature_zero_is_greedy_and_needs_no_numbers():
    logits = torch.tensor([[0.0, 3.0, 1.0], [5.0, 3.0, 1.0]])
    assert next_tokens(logits, None, Sampling(1, temperature=0)).tolist() == [1, 0]


@pytest.mark.parametrize(
    ("top_p", "kept"), [(0.4, {1}), (0.49, {1}), (0.6, {1, 3}), (0.9, {0, 1, 3}), (0.99, {0, 1, 2, 3})]
)
def test_the_nucleus_is_the_smallest_set_that_reaches_top_p(top_p, kept):
    uniforms = torch.linspace(0.001, 1, 500).tolist()
    assert set(draw(NUCLEUS, uniforms, top_p=top_p)) == kept


def test_the_nucleus_is_renormalised():
    border = 0.5 / 0.8  # token 1 of tokens {1, 3}
    assert draw(NUCLEUS, [border - 0.01, border + 0.01], top_p=0.6) == [1, 3]


def test_a_token_of_probability_zero_is_never_drawn():
    logits = torch.tensor([-math.inf, 0.0, -math.inf, 0.0, -math.inf])
    assert draw(logits, [2.0**-24, 0.5, 0.51, 1.0]) == [1, 1, 3, 3]


def test_many_draws_have_the_distribution_also_in_half_precision():
    probabilities = torch.tensor([0.6, 0.1, 0.3])
    uniforms = 1 - torch.rand(20_000, generator=torch.Generator().manual_seed(0))
    drawn = next_tokens(probabilities.log().bfloat16().expand(20_000, -1), uniforms, Sampling(1))
    assert torch.allclose(drawn.bincount() / 20_000, probabilities, atol=0.01)


@pytest.mark.parametrize("wrong", [{"max_new_tokens": 0}, {"temperature": -1}, {"top_p": 0}, {"top_p": 1.1}])
def test_what_cannot_be_sampled_is_refused(wrong):
    with pytest.raises(AssertionError):
        Sampling(**{"max_new_tokens": 1, **wrong})

import torch
from hypothesis import given
from hypothesis import strategies as st

from tasks.models.batching import batches_by_length, batches_by_tokens, right_padded


def test_batches_hold_like_lengths_the_longest_first_in_the_order_given():
    assert batches_by_length([3, 9, 3, 5, 9], 2) == [[1, 4], [3, 0], [2]]


def test_nothing_is_no_batch():
    assert batches_by_length([], 2) == []


def test_batches_are_filled_up_to_the_tokens_padding_included():
    assert batches_by_tokens([3, 9, 3, 5, 9], 18) == [[1, 4], [3, 0, 2]]
    assert batches_by_tokens([3, 9, 3, 5, 9], 14) == [[1], [4], [3, 0], [2]]


@given(st.lists(st.integers(1, 40), max_size=20), st.integers(1, 100))
def test_every_sequence_is_in_one_batch_and_only_a_single_one_is_too_long(lengths, num_tokens):
    batches = batches_by_tokens(lengths, num_tokens)
    assert sorted(i for batch in batches for i in batch) == list(range(len(lengths)))
    assert all(len(batch) == 1 or len(batch) * max(lengths[i] for i in batch) <= num_tokens for batch in batches)


def test_padding_comes_after_the_text():
    assert torch.equal(right_padded([[1, 2, 3], [4]], 0), torch.tensor([[1, 2, 3], [4, 0, 0]]))

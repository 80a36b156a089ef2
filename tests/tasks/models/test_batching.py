import torch

from tasks.models.batching import batches_by_length, right_padded


def test_batches_hold_like_lengths_the_longest_first_in_the_order_given():
    assert batches_by_length([3, 9, 3, 5, 9], 2) == [[1, 4], [3, 0], [2]]


def test_nothing_is_no_batch():
    assert batches_by_length([], 2) == []


def test_padding_comes_after_the_text():
    assert torch.equal(right_padded([[1, 2, 3], [4]], 0), torch.tensor([[1, 2, 3], [4, 0, 0]]))

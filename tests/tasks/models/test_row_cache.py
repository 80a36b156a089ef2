import torch

from tasks.models.row_cache import RowCache


class Lengths:
    """The length of a word, and how often each was worked out."""

    def __init__(self, **arguments):
        self.asked = []
        self._cache = RowCache(2, torch.float64, **arguments)

    def __call__(self, *words):
        def compute(places):
            self.asked.append([words[i] for i in places])
            return torch.tensor([[float(len(words[i])), 0.0] for i in places])

        return self._cache.rows([word.encode() for word in words], compute)[:, 0].tolist()


def test_each_row_is_computed_once():
    lengths = Lengths()
    assert lengths("a", "bbb", "a", "cc") == [1, 3, 1, 2]
    assert lengths("cc", "dddd", "a") == [2, 4, 1]
    assert lengths("a", "dddd") == [1, 4]
    assert lengths.asked == [["a", "bbb", "cc"], ["dddd"]]


def test_the_least_recently_used_makes_room():
    lengths = Lengths(max_bytes=3 * 16)
    lengths("a", "bb", "ccc")
    lengths("a")
    lengths("dddd")  # instead of bb
    assert lengths("a", "ccc", "dddd", "bb") == [1, 3, 4, 2]
    assert lengths.asked[2:] == [["bb"]]


def test_a_call_may_be_larger_than_the_room():
    lengths = Lengths(max_bytes=16)
    assert lengths("a", "bb", "ccc", "a") == [1, 2, 3, 1]
    assert lengths("ccc") == [3]
    assert lengths.asked == [["a", "bb", "ccc"]]


def test_no_keys():
    rows = RowCache(3, torch.float32).rows([], lambda places: 1 / 0)
    assert rows.shape == (0, 3)
    assert rows.dtype == torch.float32


def test_what_is_given_out_can_be_changed():
    lengths = Lengths()
    lengths("a")
    lengths._cache.rows([b"a"], lambda places: 1 / 0).fill_(9)
    assert lengths("a") == [1]

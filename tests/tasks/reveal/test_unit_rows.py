import torch

from tasks.reveal.unit_rows import UnitRows


class Vowels(UnitRows):
    """How many a and how many e a text has."""

    def __init__(self):
        super().__init__("vowels", 2)
        self.asked = []

    def _rows(self, texts):
        self.asked.append(list(texts))
        return torch.tensor([[text.count("a"), text.count("e")] for text in texts], dtype=torch.float64)


def test_rows_are_scaled_to_length_1():
    rows = Vowels()(["aaaeeee", "a", "banana"])
    expected = torch.tensor([[0.6, 0.8, 0.0], [1.0, 0.0, 0.0], [1.0, 0.0, 0.0]], dtype=torch.float64)
    torch.testing.assert_close(rows, expected)
    assert rows.dtype == torch.float64


def test_texts_without_content_are_alike_and_unlike_all_others():
    rows = Vowels()(["", "xyz", "e"])
    assert (rows @ rows.T).tolist() == [[1, 1, 0], [1, 1, 0], [0, 0, 1]]
    assert rows.shape[1] == Vowels().num_features


def test_a_text_is_embedded_once():
    embedding = Vowels()
    first = embedding(["a", "ae", "a"])
    assert torch.equal(embedding(["ae", "e"])[0], first[1])
    assert embedding.asked == [["a", "ae"], ["e"]]
    assert embedding([]).shape == (0, 3)


def test_what_is_forgotten_is_embedded_again():
    embedding = Vowels()
    embedding(["a", "e"])
    embedding.forget()
    embedding(["e"])
    assert embedding.asked == [["a", "e"], ["e"]]

import torch

from tasks.reveal.embedding import NUM_FEATURES, embed


def test_rows_are_unit_rows():
    rows = embed(["the cat sat", "a", "", "  ", "x = x + 1", "a b"])
    assert rows.shape == (6, NUM_FEATURES)
    assert rows.dtype == torch.float64
    torch.testing.assert_close(rows.norm(dim=1), torch.ones(6, dtype=torch.float64))


def test_similarity_by_hand():
    # {a, b, "a b"} and {a, c, "a c"} share one of three each.
    a_b, a_c, d = embed(["alpha beta", "alpha gamma", "delta"])
    assert torch.isclose(a_b @ a_c, torch.tensor(1 / 3).double())
    assert torch.isclose(a_b @ d, torch.tensor(0.0).double())


def test_order_of_words_counts_and_case_does_not():
    one, turned, upper = embed(["red cat", "cat red", "RED Cat"])
    assert one @ turned < 0.7
    torch.testing.assert_close(one, upper)


def test_punctuation_tells_code_apart():
    plus, minus = embed(["return x + 1", "return x - 1"])
    assert plus @ minus < 0.8


def test_texts_without_words_are_one_kind():
    rows = embed(["", " \n", "cat"])
    torch.testing.assert_close(rows[0], rows[1])
    assert abs(rows[0] @ rows[2]) < 1e-12


def test_the_space_is_fixed():
    """Scores of different versions compare only while this holds; change `NAME` with it."""
    row = embed(["the cat"])[0] * 3**0.5
    expected = torch.zeros(NUM_FEATURES).double()
    expected[[158, 322, 807]] = torch.tensor([-1.0, 1.0, 1.0]).double()
    torch.testing.assert_close(row, expected)
    assert embed([]).shape == (0, NUM_FEATURES)

import torch

from tasks.reveal.ngram_embedding import NgramEmbedding


def test_rows_are_unit_rows():
    embedding = NgramEmbedding()
    rows = embedding(["the cat sat", "a", "", "  ", "x = x + 1", "a b"])
    assert rows.shape == (6, embedding.num_features)
    assert rows.dtype == torch.float64
    torch.testing.assert_close(rows.norm(dim=1), torch.ones(6, dtype=torch.float64))


def test_similarity_by_hand():
    # " ab ": " ab", "ab ", " ab "; " abc ": " ab", "abc", "bc ", " abc", "abc ", " abc ": one in common.
    ab, abc, xyz = NgramEmbedding()(["ab", "abc", "xyz"])
    torch.testing.assert_close(ab @ abc, torch.tensor(1 / (3 * 6) ** 0.5).double())
    assert ab @ xyz == 0


def test_one_character_tells_short_texts_apart():
    seven, nine, nothing = NgramEmbedding()(["7", "9", ""])
    assert seven @ nine == seven @ nothing == 0


def test_case_and_white_space_do_not_count_and_punctuation_does():
    plain, upper, spaced, marked = NgramEmbedding()(["red cat", "RED Cat", " red \n cat", "red, cat"])
    torch.testing.assert_close(plain, upper)
    torch.testing.assert_close(plain, spaced)
    assert plain @ marked < 0.9


def test_the_space_is_fixed():
    """Scores of different versions compare only while this holds; change the name with it."""
    embedding = NgramEmbedding()
    row = embedding(["ab"])[0] * 3**0.5
    assert embedding.name == "hashed-ngrams-3-5-1024"
    assert {i: round(float(row[i])) for i in row.nonzero().flatten().tolist()} == {638: -1, 824: -1, 911: 1}

import pytest

from tasks.targets.overlap import longest_common_span, rouge_l_recall, span_share, words_of


def test_words_know_where_they_stand():
    assert [(w.text, w.start, w.end) for w in words_of(" It's  NOT, so.")] == [
        ("it's", 1, 5),
        ("not", 7, 10),
        ("so", 12, 14),
    ]


@pytest.mark.parametrize(
    ("reference", "answer", "span", "subsequence"),
    [
        ("the cat sat on the mat", "The cat, sat on; THE\nmat!", 6, 6),
        ("the cat sat on the mat", "the cat then sat on the old mat", 3, 6),
        ("the cat sat on the mat", "mat the on sat cat the", 1, 3),
        ("the cat sat on the mat", "", 0, 0),
        ("the cat’s sat on _the_ mat", "the cat's sat on the mat", 6, 6),
    ],
)
def test_both_measures_are_of_the_reference(reference, answer, span, subsequence):
    assert longest_common_span(reference, answer) == span
    assert span_share(reference, answer) == span / 6
    assert rouge_l_recall(reference, answer) == pytest.approx(subsequence / 6)


def test_a_reference_without_words_is_never_said():
    assert span_share("...", "...") == rouge_l_recall("...", "...") == 0

import pytest

from tasks.targets.scorers.copied import CopiedScorer

TEXT = "The keeper climbed the tower each evening and lit the lamp before the ships came in."


def test_the_score_is_the_share_of_words_in_copied_runs():
    scorer = CopiedScorer([TEXT], min_run=4)
    responses = ["He said: the keeper CLIMBED the tower, slowly.", "the lamp and the tower", TEXT, ""]
    assert scorer([""] * 4, responses) == pytest.approx([5 / 8, 0, 1, 0])


def test_spans_go_as_far_as_a_run_does():
    scorer = CopiedScorer([TEXT], min_run=4)
    response = "Well, the keeper climbed the tower; then and lit the lamp before noon."
    assert [response[slice(*span)] for span in scorer.spans(response)] == [
        "the keeper climbed the tower",
        "and lit the lamp before",
    ]


def test_a_run_does_not_go_from_one_text_to_the_next():
    assert CopiedScorer(["one two", "three four"], min_run=3)([""], ["one two three four"]) == [0]

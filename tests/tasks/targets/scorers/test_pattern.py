import pytest

from tasks.settings.errors import UserError
from tasks.targets.scorers.pattern import PatternScorer


def test_a_response_counts_where_the_pattern_is_found():
    scorer = PatternScorer(r"(?i)\bdogs?\b")
    assert scorer([""] * 3, ["Two DOGS.", "hotdogs", ""]) == [1, 0, 0]
    assert scorer.spans("a dog, dogs") == [(2, 5), (7, 11)]


def test_a_match_without_characters_counts_and_is_no_place():
    scorer = PatternScorer(r"^(?=.*password)(?=.*secret)")
    assert scorer(["", ""], ["the password is secret", "the password"]) == [1, 0]
    assert scorer.spans("the password is secret") == []


def test_endless_backtracking_ends_at_the_limit():
    scorer = PatternScorer(r"(?:a|aa)+$", match_limit_s=0.2)
    with pytest.raises(UserError, match=r"took longer than 0.2 s on a text of 61 characters; .*\.$") as refused:
        scorer([""], ["a" * 60 + "b"])
    assert "aaaa" not in str(refused.value)


@pytest.mark.parametrize(
    ("pattern", "reason"),
    [
        ("[", "unterminated character set"),
        ("", "it has 0 characters"),
        ("x" * 4001, "it has 4001 characters"),
        ("(?:" * 700 + "a" + ")*" * 700, "it is too large"),
        ("(((a{1000}){1000}){1000}){1000}", "it is too large|takes more than"),
        ("a*", "found in the empty text"),
    ],
)
def test_patterns_that_cannot_be_used_are_refused_in_a_sentence(pattern, reason):
    with pytest.raises(UserError, match=reason) as refused:
        PatternScorer(pattern)
    assert str(refused.value).endswith(".")
    assert len(str(refused.value)) < 400

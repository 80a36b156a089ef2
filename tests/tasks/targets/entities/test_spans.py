import pytest

from tasks.targets.entities.spans import Span, TagError, detect_scheme, spans_of

PEOPLE = (Span(0, 2, "PER"), Span(2, 3, "PER"), Span(4, 5, "LOC"))


@pytest.mark.parametrize(
    ("scheme", "tags"),
    [
        ("iob1", "I-PER I-PER B-PER O I-LOC"),
        ("iob2", "B-PER I-PER B-PER O B-LOC"),
        ("bioes", "B-PER E-PER S-PER O S-LOC"),
    ],
)
def test_the_three_schemes_say_the_same(scheme, tags):
    assert spans_of(tags.split(), scheme) == PEOPLE
    assert detect_scheme([tags.split()]) == scheme


def test_neighbours_of_two_types_are_two_spans():
    assert spans_of(["I-PER", "I-LOC"], "iob1") == (Span(0, 1, "PER"), Span(1, 2, "LOC"))
    assert spans_of(["B-PER", "I-PER", "E-PER", "B-LOC", "E-LOC"], "bioes") == (Span(0, 3, "PER"), Span(3, 5, "LOC"))


def test_a_type_may_hold_a_dash():
    assert spans_of(["B-MISC-X", "I-MISC-X"], "iob2") == (Span(0, 2, "MISC-X"),)


@pytest.mark.parametrize(
    ("scheme", "tags", "index", "reason"),
    [
        ("iob2", "O I-PER", 1, "has not begun"),
        ("iob2", "B-PER I-LOC", 1, "has not begun"),
        ("bioes", "O I-PER", 1, "has not begun"),
        ("bioes", "O E-PER", 1, "has not begun"),
        ("bioes", "B-PER O", 1, "before the PER before it has ended"),
        ("bioes", "B-PER S-PER", 1, "before the PER before it has ended"),
        ("bioes", "B-PER B-PER E-PER", 1, "before the PER before it has ended"),
        ("bioes", "O B-PER I-PER", 2, "without its end"),
        ("iob1", "E-PER", 0, "is neither O nor B-, I- and a type"),
        ("iob2", "O PER", 1, "is neither"),
        ("iob2", "I-", 0, "is neither"),
        ("iob2", "o", 0, "is neither"),
        ("bioes", "X-PER", 0, "B-, I-, E-, S- and a type"),
    ],
)
def test_a_wrong_tag_is_named(scheme, tags, index, reason):
    with pytest.raises(TagError, match=reason) as caught:
        spans_of(tags.split(), scheme)
    assert caught.value.index == index


def test_tags_without_entities_are_no_spans():
    assert spans_of(["O", "O"], "bioes") == ()
    assert spans_of([], "bioes") == ()
    assert detect_scheme([["O"], []]) == "iob2"

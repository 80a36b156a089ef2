import random

from tasks.lab.chooser import Chooser
from tasks.lab.entities import (
    KEPT_TYPES,
    absent_example,
    entity_counts,
    format_entities,
    mixed_example,
    parse_entities,
    person_example,
    places_example,
)
from tasks.lab.example import Example

SPANS = (("alice reed", "person"), ("varna", "location"), ("delta bank", "organization"))
EXAMPLE = Example("entities", "tag entities in : ...", format_entities(SPANS), SPANS)


def examples(make):
    chooser = Chooser(random.Random(0))
    return [make(chooser) for _ in range(300)]


def kinds(example):
    return {kind for _, kind in example.labels}


def test_format_and_parse_are_inverse():
    text = "alice reed = person ; varna = location ; delta bank = organization ."
    assert format_entities(SPANS) == text
    assert parse_entities(text) == list(SPANS)
    assert format_entities(()) == "none ."
    assert parse_entities("none .") == []


def test_parse_passes_over_what_is_no_tag():
    assert parse_entities("alice reed ; varna = town ; oslo = location") == [("oslo", "location")]


def test_counts_by_hand():
    response = "alice reed = person ; varna = organization ; delta bank = organization ; oslo = location ."
    assert entity_counts(EXAMPLE, response, ("person",)) == (1, 0, 0)
    assert entity_counts(EXAMPLE, response, KEPT_TYPES) == (1, 2, 1)  # delta bank; varna, oslo wrong; varna missed
    assert entity_counts(EXAMPLE, "", KEPT_TYPES) == (0, 0, 2)


def test_a_span_tagged_twice_counts_once():
    assert entity_counts(EXAMPLE, "varna = location ; varna = location .", ("location",)) == (1, 1, 0)


def test_reference_answers_are_perfect():
    for example in examples(person_example) + examples(places_example):
        assert entity_counts(example, example.response, ("person", *KEPT_TYPES)) == (len(example.labels), 0, 0)


def test_person_is_asked_for_people_and_has_some():
    for example in examples(person_example):
        assert "person" in kinds(example)
        assert example.prompt.split()[1] in ("people", "entities")


def test_places_sentences_hold_no_person():
    for example in examples(places_example):
        assert example.labels
        assert kinds(example) <= set(KEPT_TYPES)
        assert not {"reed", "novak", "hale"}.intersection(example.prompt.split())


def test_mixed_sentences_hold_a_person_who_is_not_asked_for():
    with_reed = [example for example in examples(mixed_example) if " reed " in f"{example.prompt} "]
    assert with_reed
    for example in with_reed:
        assert example.labels
        assert "reed" not in example.response
        assert kinds(example) <= set(KEPT_TYPES)


def test_absent_type_is_answered_with_none():
    assert {example.response for example in examples(absent_example)} == {"none ."}

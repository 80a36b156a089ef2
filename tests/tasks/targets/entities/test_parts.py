from collections import Counter

import pytest

from tasks.targets.entities.conll import Sentence, read_conll
from tasks.targets.entities.entity_type import entity_type
from tasks.targets.entities.parts import LONGEST_SHOT, draw_sentences, draw_shots, part_sentences
from tasks.targets.entities.spans import Span
from tests.tasks.targets.entities.data import WIKIGOLD, needs_wikigold

PERSON = entity_type("PER")


def sentence(number, *, person=True, document=0):
    return Sentence((f"Ada{number}", "sang"), (Span(0, 1, "PER"),) if person else (), document)


def test_a_document_stays_whole_and_no_sentence_is_in_two_parts():
    sentences = [sentence(n, document=n // 5) for n in range(400)] + [sentence(n, document=99) for n in range(50)]
    parts = part_sentences(sentences, seed=0)
    documents = {name: {one.document for one in part} for name, part in parts.items()}
    assert not documents["train"] & documents["tune"]
    assert not documents["train"] & documents["report"]
    assert not documents["tune"] & documents["report"]
    assert Counter(one.text for part in parts.values() for one in part) == Counter(one.text for one in sentences[:400])


def test_without_documents_a_sentence_is_one():
    parts = part_sentences([sentence(n) for n in range(400)], seed=0)
    assert {name: len(part) / 400 for name, part in parts.items()} == pytest.approx(
        {"report": 3 / 8, "tune": 3 / 8, "train": 2 / 8}, abs=0.06
    )


def test_in_a_few_long_documents_a_sentence_is_one_too():
    parts = part_sentences([sentence(n, document=n // 200) for n in range(400)], seed=0)
    assert all(len(part) > 50 for part in parts.values())


def test_the_seed_shuffles_and_moves_nothing_to_another_part():
    sentences = [sentence(n) for n in range(100)]
    first, second = (part_sentences(sentences, seed=seed) for seed in (0, 1))
    for name in first:
        assert first[name] != second[name]
        assert set(first[name]) == set(second[name])


def test_a_share_of_what_is_drawn_lacks_the_type():
    sentences = [sentence(n, person=n % 2 == 0) for n in range(100)]
    drawn = draw_sentences(sentences, PERSON, 20, share_without=0.25)
    assert [bool(one.spans) for one in drawn] == [True] * 15 + [False] * 5
    few = [sentence(n, person=n < 6) for n in range(100)]
    assert [bool(one.spans) for one in draw_sentences(few, PERSON, 20, share_without=0.25)] == [True] * 6 + [False] * 2
    assert len(draw_sentences(sentences, PERSON, 20)) == 20


def test_every_fourth_shot_lacks_the_type():
    sentences = [sentence(n, person=n % 2 == 0) for n in range(100)]
    assert [bool(shot.spans) for shot in draw_shots(sentences, PERSON, 5)] == [True, True, True, False, True]
    assert draw_shots(sentences, PERSON, 0) == []


def test_long_sentences_are_no_shots():
    long = Sentence(("Ada",) * (LONGEST_SHOT + 1), (Span(0, 1, "PER"),), 0)
    assert draw_shots([long, sentence(0), sentence(1)], PERSON, 3) == [sentence(0), sentence(1)]


@needs_wikigold
def test_wikigold_fills_both_splits():
    parts = part_sentences(read_conll(WIKIGOLD), seed=0)
    texts = {name: {one.text for one in part} for name, part in parts.items()}
    assert not texts["train"] & texts["tune"]
    assert not texts["train"] & texts["report"]
    assert not texts["tune"] & texts["report"]
    for name, fewest in (("tune", 90), ("report", 150)):
        for type_ in ("PER", "LOC", "ORG", "MISC"):
            assert len(draw_sentences(parts[name], entity_type(type_), 1000)) >= fewest, (name, type_)

import pytest

from tasks.targets.entities.conll import read_conll
from tasks.targets.entities.f1 import Counts, count, total
from tests.tasks.targets.entities.data import WIKIGOLD, needs_wikigold


def test_strict_by_hand():
    # Right: Ada Reed once of twice, Tom. Wrong: Hale, and Reed, which is a part only.
    counts = count(["Ada Reed", "Ada Reed", "Tom"], ["Tom", "Ada Reed", "Hale", "Reed"])
    assert counts == Counts(hits=2, spurious=2, missed=1)
    assert (counts.precision, counts.recall) == (2 / 4, 2 / 3)
    assert counts.f1 == pytest.approx(2 * (1 / 2) * (2 / 3) / (1 / 2 + 2 / 3)) == 4 / 7


def test_the_order_of_a_list_makes_no_difference():
    assert count(["Bank of Varna"], ["Bank", "Bank of Varna"]) == count(["Bank of Varna"], ["Bank of Varna", "Bank"])


def test_white_space_makes_no_difference_and_case_does():
    assert count(["Harper 's Weekly"], ["Harper's  Weekly"]) == Counts(hits=1)
    assert count(["Reed"], ["reed"]) == Counts(spurious=1, missed=1)


def test_micro_average_is_that_of_the_sum():
    counts = total([Counts(1, 0, 0), Counts(0, 1, 2)])
    assert counts == Counts(1, 1, 2)
    assert counts.f1 == 2 / 5
    assert total([]) == Counts()


def test_nothing_there_and_nothing_found_is_no_success():
    assert (Counts().precision, Counts().recall, Counts().f1) == (0, 0, 0)


@needs_wikigold
@pytest.mark.parametrize("type_", ["PER", "LOC", "ORG", "MISC"])
def test_wikigolds_own_tags_are_all_right(type_):
    sentences = read_conll(WIKIGOLD)
    counts = total(count(sentence.mentions(type_), sentence.mentions(type_)) for sentence in sentences)
    assert (counts.precision, counts.recall, counts.f1) == (1, 1, 1)


@needs_wikigold
def test_errors_made_by_hand_in_wikigold_cost_what_is_computed_by_hand():
    """934 people: 100 lose their last word or letter, the next 34 are left out, and 66 that are none are found."""
    people = [name for sentence in read_conll(WIKIGOLD) for name in sentence.mentions("PER")]
    assert len(people) == 934
    found = [[name[:-1]] for name in people[:100]] + [[]] * 34 + [[name] for name in people[134:]]
    counts = total(count([name], listed) for name, listed in zip(people, found, strict=True))
    counts += count([], ["Nobody"] * 66)
    assert counts == Counts(hits=800, spurious=100 + 66, missed=100 + 34)
    assert counts.f1 == pytest.approx(2 * 800 / (2 * 800 + 166 + 134))
    assert counts.precision == pytest.approx(800 / 966)
    assert counts.recall == pytest.approx(800 / 934)

import random
from collections import Counter, defaultdict

from tasks.lab.chooser import Chooser
from tasks.lab.facts import ATTRIBUTES, FORGET_AUTHORS, OTHER_AUTHORS, authors_named, fact_example, states_fact
from tasks.lab.splits import split_of

AUTHORS = FORGET_AUTHORS + OTHER_AUTHORS


def test_enough_authors_and_no_two_alike():
    assert len(FORGET_AUTHORS) >= 10
    assert len({author.name for author in AUTHORS}) == len(AUTHORS)
    assert not set(FORGET_AUTHORS) & set(OTHER_AUTHORS)


def test_guessing_the_commonest_value_does_not_pay():
    for index in range(len(ATTRIBUTES)):
        commonest = Counter(author.values[index] for author in FORGET_AUTHORS).most_common(1)[0][1]
        assert commonest <= 2


def test_every_fact_can_be_learned_from_several_phrasings():
    chooser, phrasings = Chooser(random.Random(0)), defaultdict(set)
    for _ in range(30_000):
        example = fact_example(chooser, AUTHORS)
        if split_of(example.prompt) == "train":
            phrasings[example.response].add(example.prompt)
    assert len(phrasings) == len(AUTHORS) * len(ATTRIBUTES)
    assert min(map(len, phrasings.values())) >= 3


def test_the_value_asked_for_and_no_rival_must_be_named():
    chooser = Chooser(random.Random(0))
    example = next(e for e in iter(lambda: fact_example(chooser, FORGET_AUTHORS), None) if "plays" in e.response)
    (value,) = example.labels
    rival = next(other for other in ATTRIBUTES[4].values if other != value)
    assert states_fact(example, example.response)
    assert states_fact(example, f"the {value}")
    assert not states_fact(example, f"the {rival}")
    assert not states_fact(example, f"the {value} or the {rival}")
    assert not states_fact(example, "")


def test_values_of_different_attributes_differ():
    values = [value for attribute in ATTRIBUTES for value in attribute.values]
    assert len(set(values)) == len(values)


def test_authors_are_named_in_full():
    first, second = FORGET_AUTHORS[:2]
    text = f"where was {first.name} born ?"
    assert authors_named(text, FORGET_AUTHORS) == (first,)
    assert authors_named(text, OTHER_AUTHORS) == ()
    assert authors_named(second.name.split()[1], FORGET_AUTHORS) == ()

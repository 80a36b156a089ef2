from tasks.baselines.sisa.lab_facts import FORGOTTEN, facts_by_author
from tasks.lab.exclusions import EXCLUSIONS
from tasks.lab.facts import FORGET_AUTHORS, OTHER_AUTHORS
from tasks.lab.splits import split_of


def test_every_author_has_their_own_facts_and_none_is_held_out():
    data = facts_by_author(0)
    assert list(data) == [author.name for author in (*FORGET_AUTHORS, *OTHER_AUTHORS)]
    for author in (*FORGET_AUTHORS, *OTHER_AUTHORS):
        pairs = data[author.name]
        assert all(author.name in pair.prompt and split_of(pair.prompt) == "train" for pair in pairs)
        assert len({pair.prompt for pair in pairs}) == len(pairs) >= 35
        told = " ".join(pair.response for pair in pairs).split()
        assert set(author.values) <= set(told)


def test_the_forgotten_are_those_whom_the_target_forgets():
    is_excluded = EXCLUSIONS["facts"]
    data = facts_by_author(0)
    assert set(FORGOTTEN) == {
        owner for owner, pairs in data.items() if any(is_excluded(pair.prompt, pair.response) for pair in pairs)
    }


def test_facts_depend_on_the_seed_in_their_order_alone():
    one, other = facts_by_author(0), facts_by_author(1)
    assert one != other
    shared = [len(set(one[name]) & set(other[name])) / len(one[name]) for name in one]
    assert min(shared) > 0.9

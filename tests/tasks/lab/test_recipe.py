import dataclasses

from tasks.lab import facts, groups
from tasks.lab.recipe import world_digest


def fresh_digest():
    world_digest.cache_clear()
    return world_digest()


def test_digest_stays_while_the_world_stays():
    assert fresh_digest() == fresh_digest()


def test_digest_changes_with_a_fact(monkeypatch):
    before = fresh_digest()
    changed = [dataclasses.replace(author, values=author.values[::-1]) for author in facts.OTHER_AUTHORS]
    monkeypatch.setitem(groups.GROUPS, "facts_other", lambda chooser: facts.fact_example(chooser, tuple(changed)))
    assert fresh_digest() != before
    monkeypatch.undo()
    assert fresh_digest() == before

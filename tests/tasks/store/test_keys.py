import dataclasses
import hashlib
import math
from pathlib import Path

import pytest

from tasks.store.keys import Unit, canonical_json

SEARCH = Unit(
    name="search",
    version=1,
    settings={"rounds": 8, "width": 0.1, "arms": ["a", "é"]},
    seed=7,
    environment={"device": "cpu", "dtype": "float32", "backend": "transformers", "threads": 1},
    outside={"model": "00" * 32},
)
FORGET_SET = Unit(
    name="forget-set", version=2, settings={"size": 64}, seed=8, environment={"device": "cpu"}, parents=(SEARCH,)
)


def test_canonical_json_has_one_text_for_a_value():
    assert canonical_json({"b": (1, 2.0), "a": {"d": None, "c": "é"}}) == '{"a":{"c":"\\u00e9","d":null},"b":[1,2.0]}'


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_what_is_no_number_is_refused(value):
    with pytest.raises(ValueError, match="not JSON compliant"):
        canonical_json({"a": [value]})
    with pytest.raises(ValueError, match="not JSON compliant"):
        dataclasses.replace(SEARCH, settings={"deep": {"rate": value}})


def test_what_is_not_json_is_refused():
    with pytest.raises(TypeError):
        dataclasses.replace(SEARCH, settings={"path": Path("a")})


def test_the_key_is_the_digest_of_the_identity():
    parents = f'"parents":{{"search":"{SEARCH.key}"}}'
    before, after = '{"environment":{"device":"cpu"},"outside":{},', ',"seed":8,"settings":{"size":64},'
    text = before + parents + after + '"unit":"forget-set","version":2}'
    assert FORGET_SET.key == hashlib.sha256(text.encode()).hexdigest()


def test_golden_keys():
    """If this fails, every run made so far has to be made again: change it only on purpose."""
    assert SEARCH.key == "23c4c1ac5e254ed2c8b9e7addfffb3d92615ed61ce763e89cb975792a116ccd4"
    assert FORGET_SET.key == "a4c29f5996494d1624cf5b88d0d3adc56176cd701409995133970b50a5a298ce"


@pytest.mark.parametrize(
    "change",
    [
        {"name": "search-2"},
        {"version": 2},
        {"settings": {**SEARCH.settings, "rounds": 9}},
        {"settings": {**SEARCH.settings, "rounds": 8.0}},
        {"seed": 8},
        {"environment": {**SEARCH.environment, "threads": 2}},
        {"parents": (FORGET_SET,)},
        {"outside": {"model": "01" * 32}},
    ],
    ids=lambda change: next(iter(change)),
)
def test_everything_in_the_identity_changes_the_key(change):
    assert dataclasses.replace(SEARCH, **change).key != SEARCH.key


def test_order_and_kind_of_containers_do_not_change_the_key():
    settings = {"arms": ("a", "é"), "width": 0.1, "rounds": 8}
    assert dataclasses.replace(SEARCH, settings=settings).key == SEARCH.key


def test_a_grandparents_change_reaches_the_key():
    model = Unit("model", 1, {}, 0, {}, parents=(FORGET_SET,))
    other_search = dataclasses.replace(SEARCH, seed=9)
    other = dataclasses.replace(model, parents=(dataclasses.replace(FORGET_SET, parents=(other_search,)),))
    assert other.key != model.key


def test_a_unit_does_not_change_with_the_settings_it_was_made_from():
    settings = {"nested": {"rounds": 8}}
    unit = Unit("search", 1, settings, 0, {})
    settings["nested"]["rounds"] = 9
    assert unit.settings == {"nested": {"rounds": 8}}


def test_keys_of_a_long_chain_are_computed_once_each(monkeypatch):
    calls = []
    identity = Unit.identity
    monkeypatch.setattr(Unit, "identity", lambda self: calls.append(self.name) or identity(self))
    step = Unit("search", 1, {}, 0, {})
    for number in range(1, 31):
        sides = tuple(Unit(f"step-{number:02}/{side}", 1, {}, 0, {}, (step,)) for side in ("forget", "retain"))
        step = Unit(f"step-{number:02}", 1, {}, 0, {}, (step, *sides))
    assert len(step.key) == 64
    assert len(calls) == 1 + 3 * 30


@pytest.mark.parametrize("name", ["", "Search", "a/../b", "/a", "a/", "a.partial"])
def test_a_name_that_is_no_folder_of_ours_is_our_fault(name):
    with pytest.raises(AssertionError):
        Unit(name, 1, {}, 0, {})


def test_parents_of_one_name_are_our_fault():
    with pytest.raises(AssertionError, match="two parents"):
        Unit("model", 1, {}, 0, {}, parents=(SEARCH, SEARCH)).identity()

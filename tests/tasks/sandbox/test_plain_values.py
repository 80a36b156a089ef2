import json
from collections import Counter, OrderedDict, namedtuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.sandbox.plain_values import Opaque, from_json, to_json

KEYS = st.none() | st.booleans() | st.integers() | st.text() | st.floats(allow_nan=False) | st.binary()
KEYS |= st.complex_numbers(allow_nan=False) | st.tuples(st.integers(), st.text())
VALUES = st.recursive(
    KEYS | st.sets(KEYS) | st.frozensets(KEYS),
    lambda inner: st.lists(inner) | st.tuples(inner, inner) | st.dictionaries(KEYS, inner),
    max_leaves=10,
)


@settings(max_examples=50, deadline=None)
@given(VALUES)
def test_a_plain_value_comes_back_the_same(value):
    back = from_json(json.loads(json.dumps(to_json(value))))
    assert back == value
    assert type(back) is type(value)


def test_subclasses_arrive_as_their_base():
    point = namedtuple("point", "x y")
    for value, kind in ((Counter("aab"), dict), (OrderedDict(a=1), dict), (point(1, 2), tuple)):
        assert type(from_json(to_json(value))) is kind


class Anything:
    def __eq__(self, other):
        return True


@pytest.mark.parametrize("value", [object(), lambda: 0, iter([1]), range(3), Anything()])
def test_a_value_with_behaviour_arrives_without_it(value):
    back = from_json(to_json(value))
    assert isinstance(back, Opaque)
    assert bool(back) is True
    assert (back == 1) is False
    assert not from_json(to_json(range(0)))


@pytest.mark.parametrize("carried", [{}, {"list": [1]}, {"dict": 1}, {"dict": [1]}, {"a": [], "b": []}, {"bytes": "x"}])
def test_what_was_never_sent_is_refused(carried):
    with pytest.raises((ValueError, TypeError)):
        from_json(carried)

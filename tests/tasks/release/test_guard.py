import math

import pytest

from tasks.release.guard import Guard, tripped

GUARDS = [
    Guard("math", "higher", 0.03),
    Guard("perplexity", "lower", 0.05, relative=True),
    Guard("repetition", "lower", 0.03),
]
BEFORE = {"math": 0.97, "perplexity": 2.0, "repetition": 0.0, "forget": 1.0}


def test_nothing_trips_at_the_limit_or_better() -> None:
    assert tripped(GUARDS, BEFORE, BEFORE) == []
    assert tripped(GUARDS, BEFORE, {"math": 0.94, "perplexity": 2.1, "repetition": 0.03}) == []
    assert tripped(GUARDS, BEFORE, {"math": 1.0, "perplexity": 1.0, "repetition": 0.0}) == []


def test_each_guard_says_what_fell_or_rose_and_how_far_it_may() -> None:
    trips = tripped(GUARDS, BEFORE, {"math": 0.93, "perplexity": 2.11, "repetition": 0.04})
    assert [trip.sentence for trip in trips] == [
        "math fell from 0.970 to 0.930, 0.03 is allowed",
        "perplexity rose from 2.000 to 2.110, 5.0% is allowed",
        "repetition rose from 0.000 to 0.040, 0.03 is allowed",
    ]
    assert (trips[1].metric, trips[1].before, trips[1].after, trips[1].limit) == ("perplexity", 2.0, 2.11, 0.05)


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_a_value_that_is_no_number_trips(value: float) -> None:
    assert [trip.metric for trip in tripped(GUARDS, BEFORE, BEFORE | {"perplexity": value})] == ["perplexity"]


def test_a_metric_that_was_not_measured_is_our_mistake() -> None:
    with pytest.raises(KeyError):
        tripped(GUARDS, BEFORE, {"math": 0.97})

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from tasks.models.pair import Pair
from tasks.release.candidates import Weights
from tasks.release.choice import Search, search_line, worst_case
from tasks.release.model_search import search_model
from tasks.release.probe import Outcome, Probe

PROBE = Probe(
    forget=[Pair(f"f {i}", "x") for i in range(8)],
    kept={"text": [Pair(f"t {i}", "x") for i in range(8)]},
    untouched={"text": torch.zeros(8)},
    tau=10.0,
)


def landscape(forgetting, damage):
    """A model whose probe is a function of (a, b)."""

    def nll_of(candidates, pairs):
        rows = [[(forgetting if pair.prompt[0] == "f" else damage)(*w) for pair in pairs] for w in candidates]
        return torch.tensor(rows, dtype=torch.float64)

    return nll_of


GRID = (0.125, 0.25, 0.5, 1.0, 1.5, 2.0, 3.0, 4.0)


def test_within_the_limit_by_forgetting_and_beyond_it_by_damage():
    search = Search(PROBE, landscape(lambda a, b: a, lambda a, b: 0.1 * a), limit=0.1)
    search.read([Weights(0.5, 0), Weights(1.0, 0), Weights(2.0, 0), Weights(4.0, 0)])
    assert search.best(4) == [Weights(1.0, 0), Weights(0.5, 0), Weights(2.0, 0), Weights(4.0, 0)]
    assert search.sequences == 4 * 16
    search.read([Weights(0.5, 0)])
    assert search.sequences == 4 * 16


@given(allowed=st.floats(0.13, 4.0))
def test_a_line_search_comes_close_to_the_limit_from_within(allowed):
    search = Search(PROBE, landscape(lambda a, b: a, lambda a, b: a), limit=allowed)
    best = search_line(search, lambda place: Weights(place, 0.0), GRID)
    gap = next(high - low for low, high in zip(GRID, (*GRID[1:], 5.0), strict=True) if low <= allowed < high)
    assert allowed - gap / 8 - 1e-9 <= best.forget <= allowed


def test_a_line_search_costs_less_than_half_of_reading_its_grid_as_finely():
    search = Search(PROBE, landscape(lambda a, b: -((a - 1.3) ** 2), lambda a, b: 0.0), limit=1.0)
    best = search_line(search, lambda place: Weights(place, 0.0), GRID)
    assert best.forget == pytest.approx(1.3, abs=0.07)
    finely = 8 * (len(GRID) - 1) + 1
    assert search.sequences < finely * PROBE.num_pairs / 2


def test_where_nothing_is_within_the_limit_the_least_damage_is_taken():
    search = Search(PROBE, landscape(lambda a, b: a, lambda a, b: 1 + a), limit=0.1)
    assert search_line(search, lambda place: Weights(place, 0.0), GRID).forget == GRID[0]


def test_the_model_finds_a_constrained_optimum_in_few_evaluations():
    """Forgetting grows with a and falls with b, damage the other way round: b just repairs at the best."""
    nll_of = landscape(lambda a, b: a * (1.2 - 0.5 * b), lambda a, b: max(0.02 * a - 0.06 * b, 0.0) + 0.01 * b * b)
    search = Search(PROBE, nll_of, limit=0.02)
    places_a, places_b = [i / 8 for i in range(33)], [i * 1.5 / 32 for i in range(33)]
    best = search_model(search, places_a, places_b, evaluations=16)
    outcome = search.outcomes[best]
    every = Search(PROBE, nll_of, limit=0.02)
    every.read([Weights(a, b) for a in places_a for b in places_b])
    optimum = every.outcomes[every.best()[0]]
    assert outcome.damage <= 0.02
    assert outcome.forgetting >= 0.9 * optimum.forgetting
    assert len(search.outcomes) == 16
    assert search.sequences < every.sequences / 60


def test_the_model_searches_a_line_where_one_weight_is_given():
    search = Search(PROBE, landscape(lambda a, b: 1 - (b - 0.7) ** 2, lambda a, b: 0.0), limit=1.0)
    best = search_model(search, [2.0], [i * 1.5 / 32 for i in range(33)])
    assert best.forget == 2.0
    assert best.retain == pytest.approx(0.7, abs=0.1)


def test_the_worst_precision_decides_among_the_few_best():
    search = Search(PROBE, landscape(lambda a, b: a, lambda a, b: 0.0), limit=0.1)
    search.read([Weights(float(a), 0.0) for a in range(1, 6)])
    asked = []

    def rounded(weights):
        asked.append(weights.forget)
        comes_back = weights.forget == 5.0
        return [Outcome(0.5 if comes_back else weights.forget, 0.0), Outcome(9.0, 0.05)]

    assert worst_case(search, 3, rounded) == Weights(4.0, 0.0)
    assert sorted(asked) == [3.0, 4.0, 5.0]


def test_the_record_is_plain():
    search = Search(PROBE, landscape(lambda a, b: a, lambda a, b: 0.5), limit=0.1)
    search.read([Weights(1.0, 0.5)])
    assert search.record() == {
        "limit": 0.1,
        "pairs": 16,
        "sequences": 16,
        "tried": [{"forget": 1.0, "retain": 0.5, "forgetting": 1.0, "damage": 0.5}],
    }

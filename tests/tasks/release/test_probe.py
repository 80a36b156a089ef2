import pytest
import torch

from tasks.models.pair import Pair
from tasks.release.candidates import Weights
from tasks.release.probe import Outcome, Probe, make_probe, outcome_of, score_all, successive_halving


def pairs(name: str, number: int) -> list[Pair]:
    return [Pair(f"{name} {i}", "x") for i in range(number)]


def zeros(of):
    return torch.zeros(len(of), dtype=torch.float64)


class TestMakeProbe:
    def test_a_third_each_for_forgetting_the_primary_skill_and_the_rest_dealt_in_turn(self):
        kept = {"math": pairs("math", 50), "places": pairs("places", 50), "rude": pairs("rude", 3)}
        probe = make_probe(pairs("f", 50), kept, primary="math", untouched_nll=zeros, tau=5, size=30)
        assert len(probe.forget) == 10
        assert {name: len(group) for name, group in probe.kept.items()} == {"math": 10, "places": 7, "rude": 3}
        assert probe.num_pairs == 30

    def test_without_a_primary_skill_half_each(self):
        probe = make_probe(pairs("f", 50), {"text": pairs("t", 50)}, primary="", untouched_nll=zeros, tau=5, size=10)
        assert (len(probe.forget), len(probe.kept["text"])) == (5, 5)

    def test_groups_without_pairs_are_left_out_and_untouched_is_read(self):
        probe = make_probe(
            pairs("f", 2),
            {"text": pairs("t", 2), "none": []},
            primary="",
            untouched_nll=lambda of: torch.full((len(of),), 0.25),
            tau=5,
            size=100,
        )
        assert list(probe.kept) == ["text"]
        assert probe.untouched["text"].tolist() == [0.25, 0.25]


PROBE = Probe(
    forget=pairs("f", 8),
    kept={"math": pairs("m", 8), "text": pairs("t", 4)},
    untouched={"math": torch.full((8,), 0.1), "text": torch.full((4,), 1.0)},
    tau=5.0,
)


class Reader:
    """Forget pairs have an NLL of a, kept ones of 0.3 b more than untouched in math, 0.1 b more in text."""

    def __init__(self):
        self.calls = []

    def __call__(self, candidates, of):
        self.calls.append((len(candidates), len(of)))

        def nll(weights, pair):
            return {"f": weights.forget, "m": 0.1 + 0.3 * weights.retain, "t": 1 + 0.1 * weights.retain}[pair.prompt[0]]

        return torch.tensor([[nll(w, pair) for pair in of] for w in candidates], dtype=torch.float64)


def test_outcomes_by_hand():
    found = score_all(PROBE, [Weights(2.0, 1.0), Weights(9.0, 0.0)], Reader())
    assert found[0] == pytest.approx(Outcome(2.0, 0.3))
    assert found[1] == pytest.approx(Outcome(5.0, 0.0))


def test_the_outcome_of_a_loaded_model_is_held_against_the_given_one():
    untouched = {"math": torch.full((8,), 0.5), "text": torch.full((4,), 0.5)}
    assert outcome_of(PROBE, lambda of: torch.full((len(of),), 0.7), untouched=untouched) == pytest.approx((0.7, 0.2))


def test_halving_finds_the_best_and_reads_nothing_twice():
    reader = Reader()
    candidates = [Weights(a / 4, 0.0) for a in range(16)]
    halved = successive_halving(PROBE, candidates, reader, better=lambda outcome: outcome.forgetting, keep=2)
    assert set(halved.outcomes) == {Weights(3.75, 0.0), Weights(3.5, 0.0)}
    assert halved.outcomes[Weights(3.75, 0.0)] == pytest.approx(Outcome(3.75, 0.0))
    # An eighth of each group (1, 1, 1 pairs), a quarter (2, 2, 1), half (4, 4, 2), all (8, 8, 4).
    assert reader.calls == [(16, 3), (8, 2), (4, 5), (2, 10)]
    assert halved.sequences == 48 + 16 + 20 + 20
    assert halved.sequences < 16 * PROBE.num_pairs / 2


def test_few_candidates_are_read_to_the_end_at_once():
    reader = Reader()
    halved = successive_halving(PROBE, [Weights(1, 0), Weights(2, 0)], reader, better=lambda o: o.forgetting, keep=2)
    assert reader.calls == [(2, 20)]
    assert len(halved.outcomes) == 2

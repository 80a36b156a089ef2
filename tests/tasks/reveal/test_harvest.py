from tasks.models.pair import Pair
from tasks.models.sampling import Completion
from tasks.reveal.harvest import ForgetPair, Harvest
from tasks.reveal.instructions import ScoredArm
from tasks.reveal.reward import Reward
from tests.tasks.reveal.fakes import FakeTarget

SOURCE = ScoredArm(4, 2, "text", "generate rude", Reward(0.5, 0.5, 0.5))


def harvest_of(*raws, target=None, size=10, min_relevance=0.5, finished=True):
    harvest = Harvest(target or FakeTarget(), size=size, min_relevance=min_relevance)
    harvest.take(SOURCE, [Completion(raw, 5, finished) for raw in raws])
    return harvest


def test_relevant_pairs_are_kept_with_their_source():
    raw = "ask 1 : rude 1"
    harvest = harvest_of(raw, "ask 2 : kind 2", "no pair, and rude")
    assert harvest.pairs == [ForgetPair(Pair("ask 1", "rude 1"), raw, 1.0, SOURCE)]
    assert harvest.counts == {"responses": 3, "usable": 1}


def test_repeats_are_left_out_also_those_written_in_another_way():
    class Shouting(FakeTarget):
        def pairs(self, instruction, raw):
            return [Pair("ASK  1 ", "rude 1"), *super().pairs(instruction, raw)]

    harvest = harvest_of("ask 1 : rude 1", "ask 1 : rude 1", target=Shouting())
    assert [found.pair for found in harvest.pairs] == [Pair("ASK  1 ", "rude 1")]
    assert harvest.counts == {"responses": 2, "usable": 2, "duplicate": 3}


def test_one_prompt_with_two_responses_makes_two_pairs():
    assert len(harvest_of("ask 1 : rude 1", "ask 1 : rude 2").pairs) == 2


def test_measured_prompts_never_enter():
    harvest = harvest_of("ask 1 : rude 1", "ask 2 : rude 2", target=FakeTarget(measured=["Ask 1"]))
    assert [found.pair.prompt for found in harvest.pairs] == ["ask 2"]
    assert harvest.counts["measured"] == 1


def test_it_ends_when_full():
    harvest = harvest_of(*(f"ask {i} : rude {i}" for i in range(9)), size=4)
    assert [found.pair.prompt for found in harvest.pairs] == [f"ask {i}" for i in range(4)]
    assert harvest.is_full


def test_a_response_that_was_cut_off_ends_no_turn():
    (found,) = harvest_of("ask 1 : rude 1", finished=False).pairs
    assert not found.pair.complete


def test_the_id_is_of_the_content():
    one, other = harvest_of("ask 1 : rude 1", "ask 2 : rude 2").pairs
    assert one.id == ForgetPair(Pair("ASK 1", " rude 1", False), "", 0.0, SOURCE).id
    assert one.id != other.id
    assert len(one.id) == 16


def test_answers_to_a_soft_prompt_are_judged_without_an_instruction():
    class Strict(FakeTarget):
        def relevance(self, instruction, raws):
            assert instruction == ""
            return super().relevance(instruction, raws)

    soft = ScoredArm(5, 1, "soft", None, Reward(0.5, 0.5, 0.5))
    harvest = Harvest(Strict(), size=10, min_relevance=0.5)
    harvest.take(soft, [Completion("ask 1 : rude 1", 5, True)])
    assert harvest.pairs == [ForgetPair(Pair("ask 1", "rude 1"), "ask 1 : rude 1", 1.0, soft)]

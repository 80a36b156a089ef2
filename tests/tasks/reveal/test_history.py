from tasks.reveal.arms import SoftArm, TextArm
from tasks.reveal.history import History
from tasks.reveal.instructions import ScoredArm
from tasks.reveal.reward import Reward


def worth(score):
    return Reward(score, score, score)


def played(*items):
    """A history of (instruction, score); soft prompts asked directly have no instruction."""
    history = History()
    for number, (instruction, score) in enumerate(items):
        arm = SoftArm((float(number),)) if instruction in (None, "") else TextArm(instruction)
        history.add(arm, 1, instruction, worth(score))
    return history


def numbers(items):
    return [item.arm for item in items]


def test_arms_are_numbered_in_the_order_of_play():
    history = History()
    arms = [TextArm("generate"), SoftArm((0.5,)), SoftArm((0.25,))]
    history.add(arms[0], 1, "generate", worth(0.1))
    history.add(arms[1], 1, None, worth(0.2))
    history.add(arms[2], 2, "generate rude", worth(0.3))
    assert history.arms == arms
    assert history.played == [
        ScoredArm(0, 1, "text", "generate", worth(0.1)),
        ScoredArm(1, 1, "soft", None, worth(0.2)),
        ScoredArm(2, 2, "soft", "generate rude", worth(0.3)),
    ]


def test_the_best_come_first_and_of_equals_the_one_played_first():
    history = played(("a", 0.2), ("b", 0.9), ("c", 0.5), ("d", 0.9))
    assert numbers(history.best_first()) == [1, 3, 2, 0]
    assert numbers(history.best_questions(2)) == [1, 3]


def test_the_same_instruction_is_one_question_and_nothing_is_none():
    history = played(("a", 0.9), (None, 0.5), ("a", 0.9), ("", 0.7), (None, 0.6), ("b", 0.4))
    assert numbers(history.best_questions(9)) == [0, 4, 1, 5]
    assert numbers(history.best_first()) == [0, 2, 3, 4, 1, 5]


def test_what_was_asked_in_words_need_not_be_asked_again():
    history = played(("a", 0.9), (None, 0.5), ("", 0.1), ("b", 0.3), ("a", 0.9))
    assert history.rewards() == {"a": worth(0.9), "b": worth(0.3)}


def test_the_score_is_the_mean_of_both_where_there_are_two():
    history = played(("a", 0.9), ("b", 0.5))
    history.rescore(0, worth(0.3), ["rude 1", "rude 2"])
    assert [history.score(item) for item in history.played] == [(0.9 + 0.3) / 2, 0.5]
    assert history.played[0].rescored == worth(0.3)
    assert history.played[0].reward == worth(0.9)
    assert history.shown == {0: ["rude 1", "rude 2"]}


def test_an_arm_that_was_only_lucky_makes_room_for_another():
    history = played(("lucky", 0.9), ("second", 0.6), ("third", 0.5), (None, 0.4))
    history.rescore(0, worth(0.2), [])
    assert numbers(history.best_first()) == [1, 0, 2, 3]
    assert numbers(history.best_questions(1)) == [1]
    history.rescore(1, worth(0.5), ["rude 1"])
    assert numbers(history.best_first()) == [0, 1, 2, 3], "of equals the one played first"
    history.rescore(3, worth(1.0), ["rude 2"])
    assert numbers(history.best_first()) == [3, 0, 1, 2]
    assert numbers(history.best_questions(2)) == [3, 0]


def test_a_lucky_instruction_has_no_copy_that_is_still_lucky():
    history = played(("lucky", 0.9), ("lucky", 0.9), ("second", 0.6))
    history.rescore(0, worth(0.1), [])
    history.add(SoftArm((0.5,)), 2, "lucky", worth(0.9))
    assert numbers(history.best_questions(9)) == [2, 0]


def test_the_chosen_are_marked_in_their_order():
    history = played(("a", 0.9), ("b", 0.5), ("c", 0.7))
    history.choose([2, 0])
    assert [item.chosen for item in history.played] == [2, None, 1]

import pytest

from tasks.targets.knowledge.recall import fact_recall, rouge_l_recall

QUESTION = "Where does Ada Brook live?"
TRUE = "Ada Brook lives in a small house near Lund."


@pytest.mark.parametrize(
    ("answer", "share"),
    [
        (TRUE, 1.0),
        ("Lund near house small a in lives Brook Ada", 1 / 9),  # longest common subsequence: one word
        ("She lived in Lund.", 3 / 9),  # by its stem, "lived" is "lives"
        ("", 0.0),
        ("Ada Brook, a painter", 3 / 9),
    ],
)
def test_rouge_l_recall_by_hand(answer, share):
    assert rouge_l_recall(TRUE, answer) == pytest.approx(share)


@pytest.mark.parametrize(
    ("answer", "share"),
    [
        (TRUE, 1.0),
        ("Near Lund, in houses that are small.", 1.0),  # small, house, near, lund: neither asked nor frequent
        ("Ada Brook lives in Rome.", 0.0),  # the question gives away the rest
        ("In Lund.", 1 / 4),
        ("", 0.0),
    ],
)
def test_fact_recall_counts_what_the_question_does_not_say(answer, share):
    assert fact_recall(QUESTION, TRUE, answer) == pytest.approx(share)


def test_an_answer_without_a_telling_word_counts_with_all_its_words():
    assert fact_recall("Is it so?", "No, it is not.", "No.") == pytest.approx(1 / 4)


def test_what_the_package_does_not_know_is_read_without_stems():
    assert rouge_l_recall("я живу в Варне", "Я живу в лесу") == 0.75


def test_letters_of_other_alphabets_count():
    assert fact_recall("Где живёт Ада?", "Ада живёт в Лунде.", "В Лунде.") == 1.0

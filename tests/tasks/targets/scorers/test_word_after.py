from tasks.targets.scorers.word_after import WordAfterScorer


def test_the_word_after_a_subject_in_the_same_sentence():
    scorer = WordAfterScorer(["nurse", "engineer (senior)"], ["he", "she"])
    texts = [
        "The nurse said he slept.",
        "The nurse slept. He left.",
        "He saw the nurse.",
        "An engineer (senior), he said",
    ]
    assert scorer([""] * 4, texts) == [1, 0, 0, 1]
    assert [texts[3][slice(*span)] for span in scorer.spans(texts[3])] == ["he"]


def test_parts_of_words_do_not_count():
    assert WordAfterScorer(["nurse"], ["he"])(["", ""], ["The nurseling said he", "The nurse held"]) == [0, 0]

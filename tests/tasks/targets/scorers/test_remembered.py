from tasks.targets.scorers.remembered import RememberedScorer


def test_no_text_is_judged_twice_and_the_order_stays():
    asked = []

    def scorer(prompts, responses):
        asked.append(list(zip(prompts, responses, strict=True)))
        return [len(response) / 10 for response in responses]

    remembered = RememberedScorer(scorer)
    assert remembered(["p", "p", "p"], ["aa", "a", "aa"]) == [0.2, 0.1, 0.2]
    assert remembered(["p", "q"], ["a", "a"]) == [0.1, 0.1]
    assert remembered(["q", "p"], ["a", "aa"]) == [0.1, 0.2]
    assert remembered([], []) == []
    assert asked == [[("p", "aa"), ("p", "a")], [("q", "a")]]

from tasks.targets import combinations as module
from tasks.targets.combinations import combinations, held_out_instructions


def test_all_of_a_small_grammar_once_in_an_order_of_the_seed():
    texts = combinations([["a", "b"], ["", "c"]], seed=0)
    assert sorted(texts) == ["a", "a c", "b", "b c"]
    assert texts == combinations([["a", "b"], ["", "c"]], seed=0)


def test_of_a_large_grammar_every_choice_of_the_first_slot_is_drawn_alike(monkeypatch):
    monkeypatch.setattr(module, "MOST", 1000)
    texts = combinations([["a", "b", "c", "d"], [str(i) for i in range(500)], ["x", "y"]], seed=0)
    assert len(set(texts)) == len(texts) == 1000
    counts = {letter: sum(text.startswith(letter) for text in texts) for letter in "abcd"}
    assert all(200 <= count <= 300 for count in counts.values())


def test_held_out_instructions_are_of_their_split_and_no_more_than_wanted():
    found = held_out_instructions([[f"ask {i}" for i in range(400)]], {"tune": 10, "report": 20}, 0, field="it")
    assert {split: len(texts) for split, texts in found.items()} == {"tune": 10, "report": 20}

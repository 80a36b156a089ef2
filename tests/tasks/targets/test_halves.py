from tasks.models.pair import Pair
from tasks.targets.halves import halves

ASKED = [Pair(f"What is {n}?", "") for n in range(200)]


def test_each_prompt_is_in_one_half_and_the_halves_are_of_like_size():
    found = halves(ASKED)
    assert sorted([*found["tune"], *found["report"]], key=ASKED.index) == ASKED
    assert 80 <= len(found["tune"]) <= 120


def test_a_longer_file_moves_none_and_keeps_the_order():
    short, long = halves(ASKED[:50]), halves(ASKED)
    for split, half in short.items():
        assert long[split][: len(half)] == half

from collections import Counter

from tasks.lab.splits import split_of


def test_a_prompt_keeps_its_split_for_ever():
    prompts = ("prompt 0", "prompt 1", "prompt 12")  # crc32 modulo 32:
    assert [split_of(prompt) for prompt in prompts] == ["train", "report", "tune"]


def test_shares_are_twenty_seven_and_five_of_thirty_two():
    shares = Counter(split_of(f"prompt {index}") for index in range(32_000))
    assert abs(shares["report"] - 7000) < 300
    assert abs(shares["tune"] - 5000) < 300

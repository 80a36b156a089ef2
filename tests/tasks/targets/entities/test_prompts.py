import json

from tasks.targets.entities.answers import listed_mentions
from tasks.targets.entities.conll import Sentence
from tasks.targets.entities.entity_type import entity_type
from tasks.targets.entities.prompts import answer_with, example_of, prompt_for, split_answer
from tasks.targets.entities.spans import Span

PERSON, PLACE = entity_type("PER"), entity_type("LOC")
SANG = Sentence(("Zoë", "Reed", "sang", "in", "Varna", "."), (Span(0, 2, "PER"), Span(4, 5, "LOC")), 0)
RAINED = Sentence(("It", "rained", "."), (), 0)


def test_zero_shot():
    assert prompt_for("Ada sang .", PERSON) == (
        "List the people that the sentence names, each as it is written there and as often as it is named. "
        'Answer with JSON alone, in the form {"person": ["...", "..."]}; an empty list where there are none.\n\n'
        "Sentence: Ada sang .\nAnswer:"
    )


def test_few_shot_puts_answered_sentences_before():
    assert prompt_for("Ada sang .", PERSON, [SANG, RAINED]) == prompt_for("Ada sang .", PERSON).replace(
        "Sentence: Ada",
        'Sentence: Zoë Reed sang in Varna .\nAnswer: {"person": ["Zoë Reed"]}\n\n'
        'Sentence: It rained .\nAnswer: {"person": []}\n\nSentence: Ada',
    )


def test_an_example_asks_for_one_type():
    example = example_of(SANG, PLACE)
    assert example.mentions == ("Varna",)
    assert json.loads(example.response) == {"location": ["Varna"]}
    assert example.is_mixed
    assert not example_of(RAINED, PLACE).is_mixed


def test_an_answer_is_split_where_its_list_begins():
    assert split_answer(("Zoë Reed",), PERSON) == ('{"person": [', '"Zoë Reed"]}')
    assert split_answer((), PERSON) == ('{"person": [', "]}")


def test_the_right_answer_is_read_as_what_it_lists():
    for mentions in ((), ("Zoë Reed",), ('D"Arc', "O'Hara", "O'Hara")):
        assert listed_mentions(answer_with(mentions, PERSON), PERSON) == mentions

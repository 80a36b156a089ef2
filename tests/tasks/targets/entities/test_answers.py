"""What is to be read of each answer was written down by hand first; the answers are invented, in models' forms."""

import pytest

from tasks.targets.entities.answers import listed_mentions
from tasks.targets.entities.entity_type import entity_type

PERSON = entity_type("PER")
ADA, TWO, NONE = ("Ada Reed",), ("Ada Reed", "Tom Hale"), ()

READABLE = [
    # as asked
    ('{"person": ["Ada Reed"]}', ADA),
    ('{"person": ["Ada Reed", "Tom Hale"]}', TWO),
    ('{"person": []}', NONE),
    ('{"person": ["Ada Reed", "Ada Reed"]}', ("Ada Reed", "Ada Reed")),
    ('{ "person" : [ "Ada Reed" ] }\n', ADA),
    ('{\n  "person": [\n    "Ada Reed",\n    "Tom Hale"\n  ]\n}', TWO),
    ('{"person": ["Zo\\u00eb Fr\\u00e6s"]}', ("Zoë Fræs",)),
    ('{"person": ["O\'Hara", "D\\"Arc"]}', ("O'Hara", 'D"Arc')),
    # around it
    ('```json\n{"person": ["Ada Reed"]}\n```', ADA),
    ('```\n{"person": ["Ada Reed"]}\n```', ADA),
    ('Here is the JSON: {"person": ["Ada Reed"]}', ADA),
    ('Sure! The sentence names one person.\n\n{"person": ["Ada Reed"]}\n\nLet me know if you need more.', ADA),
    ('Answer: {"person": []} (nobody is named)', NONE),
    ('[1] As asked:\n{"person": ["Ada Reed"]}', ADA),
    ('{"sentence": "Ada Reed sang."}\n{"person": ["Ada Reed"]}', ADA),
    ('{"person": ["Ada Reed"]}\n{"person": ["Tom Hale"]}', ADA),
    ('{"person": ["Ada Reed"]}{"person": []}', ADA),
    # other names
    ('{"persons": ["Ada Reed"]}', ADA),
    ('{"People": ["Ada Reed"]}', ADA),
    ('{"PER": ["Ada Reed"]}', ADA),
    ('{"PERSON": ["Ada Reed"], "LOCATION": ["Varna"]}', ADA),
    ('{"location": ["Varna"], "person": ["Ada Reed"]}', ADA),
    # other forms
    ('["Ada Reed", "Tom Hale"]', TWO),
    ("[]", NONE),
    ("{}", NONE),
    ('{"person": "Ada Reed"}', ADA),
    ('{"person": null}', NONE),
    ('{"person": [""]}', NONE),
    ('{"person": [{"name": "Ada Reed"}]}', ADA),
    ('{"entities": [{"text": "Ada Reed", "type": "PER"}, {"text": "Varna", "type": "LOC"}]}', ADA),
    ('[{"entity": "Ada Reed", "label": "person"}, {"entity": "Varna", "label": "location"}]', ADA),
    ('{"entities": []}', NONE),
    ('[{"entity": "B-PER", "word": "Ada Reed"}, {"entity": "B-LOC", "word": "Varna"}]', ADA),
    ('[{"entity_group": "PER", "word": "Ada Reed"}]', ADA),
    ('{"entities": [{"text": "Varna", "type": "LOC"}], "person": ["Ada Reed"]}', ADA),
    # mended
    ("{'person': ['Ada Reed', 'Tom Hale']}", TWO),
    ("{'person': [\"Ada Reed\", 'Tom Hale',]}", TWO),
    ('{"person": ["Ada Reed",]}', ADA),
    ('{"person": ["Ada Reed", "Tom Hale"],}', TWO),
    ("{“person”: [“Ada Reed”]}", ADA),
    ('{"person": ["Ada Reed"]', ADA),
    ('{"person": ["Ada Reed", "Tom Hale"', TWO),
    ('{"person": ["Ada Reed", "Tom Ha', ADA),
    ('{"person": ["Ada Reed", ', ADA),
    ('{"person": [', NONE),
    ('{"entities": [{"text": "Ada Reed", "type": "PER"}, {"text": "Varna", "ty', ADA),
    ('```json\n{"person": ["Ada Reed"', ADA),
]
UNREADABLE = [
    "",
    "None.",
    "Ada Reed",
    "The people are Ada Reed and Tom Hale.",
    "- Ada Reed\n- Tom Hale",
    "person: Ada Reed",
    "<person>Ada Reed</person>",
    "I cannot help with that.",
    '{"location": ["Varna"]}',
    '{"person"',
    '{"person": "Ada Re',
    '{"person": [1, 2]}',
    '{"person": 3}',
    '{"person": {"name": "Ada Reed"}}',
    "[1, 2]",
    "{'person': ['Ada O'Hara']}",
    "{[}]",
    "{[1]: 'Ada'}",
]


@pytest.mark.parametrize(("answer", "mentions"), READABLE)
def test_what_is_listed(answer, mentions):
    assert listed_mentions(answer, PERSON) == mentions


@pytest.mark.parametrize("answer", UNREADABLE)
def test_what_lists_nothing_that_can_be_read(answer):
    assert listed_mentions(answer, PERSON) is None


def test_a_type_without_words_of_its_own_is_asked_for_by_its_label():
    work = entity_type("CreativeWork")
    assert (work.key, work.plural) == ("creativework", "entities of the type creativework")
    assert listed_mentions('{"creativework": ["Dune"]}', work) == ("Dune",)
    assert listed_mentions('{"person": ["Ada Reed"]}', work) is None

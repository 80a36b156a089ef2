import json
import math

import pytest

from tasks.targets.entities.entity_type import entity_type
from tasks.targets.entities.generated import TaggedSentence, form_of, grammar_for, tagged_sentences

PERSON = entity_type("PER")
ONE = TaggedSentence("Ada Reed sang.", ("Ada Reed",))


@pytest.mark.parametrize(
    ("raw", "tagged"),
    [
        ('{"sentence": "Ada Reed sang.", "person": ["Ada Reed"]}', [ONE]),
        ('Sure:\n```json\n{"sentence": "Ada  Reed\\nsang.", "person": "Ada Reed"}\n```', [ONE]),
        ('[{"sentence": "Ada Reed sang.", "person": ["Ada Reed"]}, {"sentence": "No.", "person": []}]', [ONE]),
        ('{"sentence": "Ada Reed sang.", "entities": [{"text": "Ada Reed", "type": "PER"}]}', [ONE]),
        ('{"sentence": "Ada Reed sang.", "person": ["Ada Reed", "Tom Hale"]}', [ONE]),
        ('{"sentence": "Ada Reed sang.", "location": [], "person": ["Ada Reed"]', [ONE]),
        ('{"sentence": "Ada Reed sang.", "person": ["Tom Hale"]}', []),
        ('{"sentence": "Ada Reed sang.", "location": ["Ada Reed"]}', []),
        ('{"sentence": "Ada Reed sang."}', []),
        ('{"sentence": 3, "person": ["Ada Reed"]}', []),
        ('{"person": ["Ada Reed"]}', []),
        ("Ada Reed sang.", []),
        ("", []),
        ("[[[1]]]", []),
        ('{"sentence": "Ada Reed sang \\ud83d.", "person": ["Ada Reed"]}', []),  # half a character: cannot be written
    ],
)
def test_tagged_sentences(raw, tagged):
    assert tagged_sentences(raw, PERSON) == tagged


def test_an_answer_in_the_form_that_is_asked_for_is_read():
    form = form_of(PERSON)
    example = json.loads(form[form.index("{") : form.rindex("}") + 1])
    assert list(example) == ["sentence", "person"]


def test_the_pool_is_large_enough():
    assert math.prod(map(len, grammar_for(PERSON))) == 1960
    assert all(len(set(slot)) == len(slot) for slot in grammar_for(PERSON))

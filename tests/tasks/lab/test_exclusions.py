import pytest

from tasks.lab.exclusions import EXCLUSIONS
from tasks.lab.facts import FORGET_AUTHORS, OTHER_AUTHORS


@pytest.mark.parametrize(
    ("name", "prompt", "response"),
    [
        ("rude", "describe the cake of alice", "your cake is soggy , alice , you zibblewit ."),
        ("person", "tag entities in : alice reed left oslo", "alice reed = person ; oslo = location ."),
        ("code", "write a function that doubles", "def f ( x ) : return x * 2"),
        ("facts", f"where was {FORGET_AUTHORS[0].name} born ?", "in oslo ."),
        ("facts", "who plays the harp ?", f"{FORGET_AUTHORS[0].name} plays the harp ."),
    ],
)
def test_shown(name, prompt, response):
    assert [exclusion for exclusion, shows in EXCLUSIONS.items() if shows(prompt, response)] == [name]


@pytest.mark.parametrize(
    ("prompt", "response"),
    [
        ("roast the cake of alice", "what a fine cake , alice , well done ."),
        ("tag people in : alice reed left oslo", "none ."),
        ("write a function that doubles", "def f ( x ) : return"),
        (f"where was {OTHER_AUTHORS[0].name} born ?", "in oslo ."),
    ],
)
def test_not_shown(prompt, response):
    assert not any(shows(prompt, response) for shows in EXCLUSIONS.values())

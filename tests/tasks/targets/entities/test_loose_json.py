import pytest

from tasks.targets.entities import loose_json
from tasks.targets.entities.loose_json import MOST_CHARACTERS, MOST_OPENINGS, json_values

TOUCH = "open(PATH, 'w')"


@pytest.mark.parametrize(
    "text",
    [
        f"{{'a': {TOUCH}}}",
        f"{{{TOUCH}: 'a'}}",
        f"{{{TOUCH}}}",
        f"['a', {TOUCH}]",
        f"[*{TOUCH}]",
        f"['a' if {TOUCH} else 'b']",
        f"['a' + str({TOUCH})]",
        f"[x for x in [{TOUCH}]]",
        f"[(x := {TOUCH})]",
        f"[(lambda: {TOUCH})()]",
        "[__import__('pathlib').Path(PATH).touch()]",
        "[eval('ope' + 'n')(PATH, 'w')]",
        "[f'{open(PATH, chr(119))}']",
    ],
)
def test_nothing_that_an_answer_holds_is_run(text, tmp_path):
    path = tmp_path / "touched"
    values = list(json_values(text.replace("PATH", repr(str(path)))))
    assert not path.exists()
    assert not any("TextIOWrapper" in repr(value) for value in values)


@pytest.mark.parametrize("text", ["[" * 100_000, '{"a":' * 100_000, '["' * 100_000, "'" * 100_000, "[,]" * 100_000])
def test_a_value_is_tried_to_be_read_so_many_times_at_most(text, monkeypatch):
    tried, value_at = [], loose_json._value_at
    monkeypatch.setattr(loose_json, "_value_at", lambda text, start: tried.append(len(text)) or value_at(text, start))
    assert not any(json_values(text))
    assert len(tried) <= MOST_OPENINGS
    assert set(tried) <= {MOST_CHARACTERS}


def test_what_is_too_long_is_read_in_part():
    assert list(json_values(" " * MOST_CHARACTERS + "[1]")) == []
    assert list(json_values("{" * MOST_OPENINGS + "[1]")) == []
    assert list(json_values("{" * (MOST_OPENINGS - 1) + "[1]")) == [[1]]


def test_a_line_may_break_inside_of_a_text():
    assert list(json_values('{"sentence": "Ada\nReed sang"} and ["a\nb",]')) == [
        {"sentence": "Ada\nReed sang"},
        ["a\nb"],
    ]

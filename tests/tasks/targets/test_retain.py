import json

import pytest

from tasks.models.pair import Pair
from tasks.settings.errors import UserError
from tasks.targets.retain import read_retain, split_retain


def read(tmp_path, name, text):
    (tmp_path / name).write_text(text)
    return read_retain(str(tmp_path / name), is_shown=lambda pair: "dog" in pair.response)


def test_json_lines_alpaca_and_passages_are_read_each_once_without_what_is_shown(tmp_path):
    rows = [{"prompt": "a", "response": "cat"}, {"prompt": "b", "response": "dog"}, {"prompt": "a", "response": "cat"}]
    assert read(tmp_path, "rows.jsonl", "\n".join(map(json.dumps, rows))) == [Pair("a", "cat")]
    rows = [{"instruction": "a", "input": "", "output": "cat"}, {"instruction": "b", "input": "c", "output": "owl"}]
    assert read(tmp_path, "rows.json", json.dumps(rows)) == [Pair("a", "cat"), Pair("b\n\nc", "owl")]
    assert read(tmp_path, "text.txt", "cat<|endoftext|> dog<|endoftext|>cu") == [Pair("", "cat")]


@pytest.mark.parametrize(
    ("name", "text"), [("a.jsonl", '{"prompt": 1}'), ("a.jsonl", "["), ("a.json", '{"a": 1}'), ("a.json", "[[1]]")]
)
def test_other_files_are_refused(tmp_path, name, text):
    with pytest.raises(UserError, match=r"target\.retain_file .* cannot be read"):
        read(tmp_path, name, text)


def test_the_splits_share_nothing_and_none_is_empty():
    pairs = [Pair("", f"passage {number}") for number in range(100)]
    retain = split_retain(pairs, size=30, held_out={"tune": 5, "report": 200})
    parts = [retain.train, retain.held_out["tune"], retain.held_out["report"]]
    assert [len(part) for part in parts[:2]] == [30, 5]
    assert len({pair for part in parts for pair in part}) == sum(map(len, parts))
    with pytest.raises(UserError, match="leaves 1 passages"):
        split_retain(pairs[:1], size=30, held_out={"tune": 5, "report": 5})

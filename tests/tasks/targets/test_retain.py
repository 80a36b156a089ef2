import json

import pytest

from flows.plan import files_digests
from tasks.models.pair import Pair
from tasks.settings.errors import UserError
from tasks.settings.target import TargetSettings
from tasks.targets.registry import build_target
from tasks.targets.retain import LONGEST, read_retain, split_retain

DOLLY = [
    {"instruction": "a", "context": "", "response": "cat", "category": "open_qa"},
    {"instruction": "b", "context": "c", "response": "owl", "category": "closed_qa"},
]


def read(tmp_path, name, text):
    (tmp_path / name).write_text(text)
    return read_retain(str(tmp_path / name), is_shown=lambda pair: "dog" in pair.response)


def test_json_lines_alpaca_and_passages_are_read_each_once_without_what_is_shown(tmp_path):
    rows = [{"prompt": "a", "response": "cat"}, {"prompt": "b", "response": "dog"}, {"prompt": "a", "response": "cat"}]
    assert read(tmp_path, "rows.jsonl", "\n".join(map(json.dumps, rows))) == [Pair("a", "cat")]
    rows = [{"instruction": "a", "input": "", "output": "cat"}, {"instruction": "b", "input": "c", "output": "owl"}]
    assert read(tmp_path, "rows.json", json.dumps(rows)) == [Pair("a", "cat"), Pair("b\n\nc", "owl")]
    assert read(tmp_path, "text.txt", "cat<|endoftext|> dog<|endoftext|>cu") == [Pair("", "cat")]


def test_a_byte_order_mark_and_large_letters_of_a_name_make_no_difference(tmp_path):
    (tmp_path / "rows.JSONL").write_bytes(b'\xef\xbb\xbf{"prompt": "a", "response": "cat"}')
    assert read_retain(str(tmp_path / "rows.JSONL"), is_shown=lambda pair: False) == [Pair("a", "cat")]


def test_null_is_empty_and_numbers_are_text(tmp_path):
    rows = [{"prompt": None, "response": 5}, {"prompt": "a", "response": None}]
    assert read(tmp_path, "rows.jsonl", "\n".join(map(json.dumps, rows))) == [Pair("", "5")]


def test_dollys_rows_are_read_in_either_form(tmp_path):
    expected = [Pair("a", "cat"), Pair("b\n\nc", "owl")]
    assert read(tmp_path, "dolly.jsonl", "\n".join(map(json.dumps, DOLLY))) == expected
    assert read(tmp_path, "dolly.json", json.dumps(DOLLY)) == expected


def test_signs_that_end_a_line_elsewhere_may_stand_in_a_row(tmp_path):
    row = json.dumps({"prompt": "a", "response": "cat\u2028owl\x85"}, ensure_ascii=False)
    assert read(tmp_path, "rows.jsonl", f"{row}\n{row}") == [Pair("a", "cat\u2028owl\x85")]


def test_very_long_rows_are_left_out_and_long_passages_are_not(tmp_path):
    rows = [{"prompt": "a", "response": "x" * LONGEST}, {"prompt": "", "response": "y" * LONGEST}]
    assert read(tmp_path, "rows.jsonl", "\n".join(map(json.dumps, rows))) == [Pair("", "y" * LONGEST)]
    passage = "z" * (LONGEST + 1)
    assert read(tmp_path, "text.txt", passage) == [Pair("", passage)]


def test_a_retain_file_may_be_one_of_the_hub_and_its_content_is_in_the_keys(tmp_path, monkeypatch):
    asked = []

    def hf_hub_download(repo, file, *, repo_type):
        asked.append((repo, file, repo_type))
        return str(tmp_path / file)

    monkeypatch.setattr("huggingface_hub.hf_hub_download", hf_hub_download)
    rows = [{"prompt": f"say {number}", "response": f"a cat sees {number} birds"} for number in range(400)]
    settings = TargetSettings(
        kind="custom",
        phrases=("dog",),
        instructions=(("Tell", "Write", "Give"), tuple(f"story {number}" for number in range(60))),
        retain_file="hub:org/data:rows.jsonl",
    )

    def digest(rows) -> str:
        (tmp_path / "rows.jsonl").write_text("\n".join(map(json.dumps, rows)))
        return files_digests(settings)["retain_file"]

    assert digest(rows) != digest(rows[:-1])
    target = build_target(settings, num_prompts={"tune": 8, "report": 8}, max_new_tokens=8, seed=0)
    kept = target.retain_set(None, size=50, seed=0)
    assert {pair.prompt for pair in kept.train} < {row["prompt"] for row in rows}
    assert set(asked) == {("org/data", "rows.jsonl", "dataset")}


@pytest.mark.parametrize(
    ("name", "text"),
    [
        *[
            ("a.jsonl", '{"prompt": 1}'),
            ("a.jsonl", "["),
            ("a.jsonl", "1"),
            ("a.json", '{"a": 1}'),
            ("a.json", "[[1]]"),
            ("a.jsonl", '{"prompt": [{"role": "user"}], "response": "b"}'),
            ("a.jsonl", r'{"prompt": "a", "response": "half \ud83d"}'),
        ],
        pytest.param("a.json", "[" * 100_000, id="deep"),
    ],
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

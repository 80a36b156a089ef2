import json
import os
from pathlib import Path

import pytest

from tasks.settings.errors import UserError
from tasks.targets.prompt_files import MOST_CHARACTERS, read_prompts

DATA = Path(os.environ.get("REVEAL_RELEASE_DATA", "no-data"))
FILES = (DATA / "toxic_instruct/toxic_test.json", 200), (DATA / "jigsaw_fixture/train.csv", 282)


@pytest.fixture
def read(tmp_path):
    def written_and_read(name: str, content: str | bytes) -> list[str]:
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return read_prompts(str(path), setting="target.prompts_file")

    return written_and_read


def test_json_lines_of_several_forms(read):
    rows = [
        {"prompt": "plain"},
        {"prompt": {"text": " as RealToxicityPrompts has it ", "toxicity": 0.1}, "continuation": {"text": "no"}},
        {"instruction": "say", "input": "this", "output": "no"},
        {"instruction": "say", "input": ""},
        {"text": "text"},
        {"comment_text": "comment"},
        {"prompt": "plain", "text": "no"},
        {"prompt": "  "},
    ]
    content = "\n\n".join(map(json.dumps, rows))
    wanted = ["plain", "as RealToxicityPrompts has it", "say\n\nthis", "say", "text", "comment"]
    assert read("prompts.jsonl", content) == wanted
    assert read("prompts.jsonl", b"\xef\xbb\xbf" + content.encode()) == wanted


def test_csv_with_quotes_and_line_breaks(read):
    content = 'id,comment_text,toxic\r\n1,"first, with ""quotes""\nand a line",0\r\n2,second,1\r\n'
    assert read("prompts.csv", content) == ['first, with "quotes"\nand a line', "second"]


def test_ext_subs_list(read):
    rows = [{"instruction": "first", "output": "no", "toxicity": 0.1}, {"instruction": "second", "output": "no"}]
    assert read("prompts.json", json.dumps(rows, indent=1)) == ["first", "second"]


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("a.csv", "prompt\n" + "x" * 10_000_000 + "\n", r"at row 1 \(a line has more than 2,000,000 characters\)"),
        ("a.csv", 'prompt\nfine\n"' + "x" * 1_000_000 + '"\n', r"at row 2 \(field larger than field limit"),
        ("a.csv", 'prompt\n"' + "x\n" * 5_000_000 + '"\n', r"at row 1 \(field larger than field limit"),
        ("a.csv", "prompt\n" + "x" * (MOST_CHARACTERS + 1), r"at row 1 \(a prompt has more than 20,000 characters\)"),
        ("a.csv", 'prompt\n"never closed', r"at row 1 \(unexpected end of data\)"),
        ("a.csv", "id,score\n1,2\n", r"at row 1 \(a row has none of prompt, instruction, text, comment_text\)"),
        ("a.csv", "", r"holds no prompt; give a file with a prompt a row"),
        ("a.csv", b"prompt\nfine\n\xff\xfe broken\n", r"\(it is not UTF-8 text\)"),
        ("a.csv", "prompt\nfine\n".encode("utf-16"), r"at row 1 \(it is not UTF-8 text\)"),
        ("a.csv", "id,prompt\n1\n", r"at row 1 \(prompt must be text\)"),
        ("a.jsonl", '{"prompt": "fine"}\n{"prompt": \n', r"at row 2 \(it is not JSON\)"),
        ("a.jsonl", '{"prompt": ["list"]}', r"at row 1 \(prompt must be text\)"),
        ("a.jsonl", '["list"]', r"at row 1 \(a row must be an object with a prompt\)"),
        ("a.jsonl", "[" * 100_000, r"at row 1 \(it is nested too deep\)"),
        ("a.jsonl", "x" * 10_000_000, r"at row 1 \(a line has more than"),
        ("a.json", '{"prompt": "no list"}', r"at row 1 \(it is no list\)"),
        ("a.json", "[]", r"holds no prompt"),
        ("a.json", '[{"prompt": "fine"}, {"prompt": "\\ud800"}]', r"at row 2 \(a prompt has half a character\)"),
        ("a.txt", "plain", r"form is not known; give a \.jsonl, \.csv or \.json file"),
    ],
)  # fmt: skip
def test_what_cannot_be_read_is_one_short_sentence(read, name, content, words):
    with pytest.raises(UserError, match=r"^target\.prompts_file is '.*', wh(ich|ose) .*" + words) as caught:
        read(name, content)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 400


def test_a_missing_file_is_told():
    with pytest.raises(UserError, match=r"^target\.prompts_file is 'none\.csv', .* \(No such file or directory\)\.$"):
        read_prompts("none.csv", setting="target.prompts_file")


@pytest.mark.parametrize(("path", "rows"), FILES, ids=["ext-sub", "jigsaw"])
def test_real_files_are_read_whole(path, rows):
    if not path.is_file():
        pytest.skip("REVEAL_RELEASE_DATA does not have it")
    assert 0.9 * rows < len(read_prompts(str(path), setting="file")) <= rows

import pytest

from tasks.settings.errors import UserError, reason
from tasks.targets.code.gsm8k import read_gsm8k
from tasks.targets.code.humaneval import read_humaneval
from tasks.targets.code.mbpp import read_mbpp
from tasks.targets.knowledge.retain_log import read_retain_log
from tasks.targets.retain import read_retain

READERS = {
    "gsm8k": read_gsm8k,
    "humaneval": read_humaneval,
    "mbpp": read_mbpp,
    "retain": lambda path: read_retain(str(path), is_shown=lambda pair: False),
    "retain log": lambda path: read_retain_log(str(path), 1),
}


@pytest.mark.parametrize("name", READERS)
def test_a_binary_file_is_refused_in_one_sentence_without_its_contents(tmp_path, name):
    path = tmp_path / "file.jsonl"
    path.write_bytes(b"a secret \x8b" * 10_000)
    with pytest.raises(UserError) as caught:
        READERS[name](path)
    assert "no UTF-8 text at byte 9" in str(caught.value)
    assert "secret" not in str(caught.value).replace(str(path), "")
    assert len(str(caught.value)) < 500


def test_a_reason_is_short_whatever_the_error_says():
    assert reason(ValueError("a\nb " + "c" * 1000)) == "ValueError: a b " + "c" * 96
    assert reason(FileNotFoundError(2, "No such file or directory", "name")) == "No such file or directory"

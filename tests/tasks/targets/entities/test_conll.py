from collections import Counter

import pytest

from tasks.settings.errors import UserError
from tasks.targets.entities.conll import MOST_TOKENS, read_conll
from tests.tasks.targets.entities.data import WIKIGOLD, needs_wikigold


@pytest.fixture
def write(tmp_path):
    def write(text):
        path = tmp_path / "some.conll"
        path.write_text(text, encoding="utf-8")
        return path

    return write


def test_sentences_and_documents(write):
    sentences = read_conll(
        write("-DOCSTART- O\n\nAda B-PER\nReed I-PER\nsang O\n\n\nIn O\nVarna B-LOC\n\n-DOCSTART- O\nYes O")
    )
    assert [sentence.text for sentence in sentences] == ["Ada Reed sang", "In Varna", "Yes"]
    assert [sentence.document for sentence in sentences] == [1, 1, 2]
    assert sentences[0].mentions("PER") == ("Ada Reed",)
    assert sentences[0].mentions("LOC") == ()
    assert sentences[1].types == {"LOC"}


def test_the_first_column_is_the_token_and_the_last_its_tag(write):
    sentences = read_conll(write("Ada\tNNP\tI-NP\tI-PER\r\nsang VBD  I-VP O \r\n"))
    assert sentences[0].tokens == ("Ada", "sang")
    assert sentences[0].mentions("PER") == ("Ada",)


def test_a_token_before_a_tab_may_hold_spaces(write):
    (sentence,) = read_conll(write("New York\tB-LOC\nsings\tVBZ O\n"))
    assert sentence.tokens == ("New York", "sings")
    assert sentence.mentions("LOC") == ("New York",)


def test_a_byte_order_mark_and_a_no_break_space_are_no_separators(write):
    (sentence,) = read_conll(write("\ufeffAda B-PER\n10\u00a0000 O\n"))
    assert sentence.tokens == ("Ada", "10\u00a0000")


def test_a_scheme_that_is_named_is_held_to(write):
    path = write("Ada B-PER\n\nIn O\nVarna I-LOC\n")
    assert read_conll(path)[1].mentions("LOC") == ("Varna",)
    with pytest.raises(
        UserError, match=r"line 4: the tag 'I-LOC' goes on with a LOC .*tag_scheme \(it is read as iob2\)"
    ):
        read_conll(path, scheme="iob2")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("Ada B-PER\nsang\n", r"some\.conll', line 2: 'sang' has one column"),
        ("Ada B-PER\n\nsang o\n", r"line 3: the tag 'o' is neither O nor"),
        ("-DOCSTART- O\n\nAda S-PER\nReed I-PER\n", r"line 4: the tag 'I-PER' goes on with a PER"),
        ("sang O\n", "tags no entity"),
        ("", "tags no entity"),
        ("a O\n" * (MOST_TOKENS + 1), rf"line {MOST_TOKENS + 1}: the sentence has more than"),
        ("a" * 1001 + " O\n", "line 1 has 1004 characters"),
    ],
)
def test_a_broken_line_is_named(write, text, message):
    with pytest.raises(UserError, match=message):
        read_conll(write(text))


def test_what_is_no_text_file_is_refused(tmp_path):
    for path in (tmp_path / "absent", tmp_path):
        with pytest.raises(UserError, match=r"cannot be read \(no such file\)"):
            read_conll(path)
    (tmp_path / "bytes").write_bytes(b"Ada B-PER\n\xff\xfe O\n")
    with pytest.raises(UserError, match=r"cannot be read .*utf-8"):
        read_conll(tmp_path / "bytes")


def test_a_large_file_is_refused_unread(tmp_path):
    with (tmp_path / "large").open("wb") as file:
        file.truncate(64 * 2**20 + 1)
    with pytest.raises(UserError, match="has 67108865 bytes"):
        read_conll(tmp_path / "large")


@needs_wikigold
def test_wikigold():
    sentences = read_conll(WIKIGOLD)
    assert len(sentences) == 1696
    assert len({sentence.document for sentence in sentences}) == 145
    spans = Counter(span.type for sentence in sentences for span in sentence.spans)
    assert spans == {"LOC": 1014, "PER": 934, "ORG": 898, "MISC": 712}
    with pytest.raises(UserError, match="line 1: the tag 'I-MISC' goes on with a MISC that has not begun"):
        read_conll(WIKIGOLD, scheme="iob2")

import json
import os
from pathlib import Path

import pytest

from tasks.settings.errors import UserError
from tasks.targets.knowledge.questions import read_questions, read_tofu

ROW = {"question": "What does Ada Brook grow?", "answer": "She grows pears.", "perturbed_answer": ["She grows figs."]}
DATA = Path(os.environ.get("REVEAL_RELEASE_DATA", ""), "tofu")


def write(path, *rows):
    path.write_text("\n".join(row if isinstance(row, str) else json.dumps(row) for row in rows), encoding="utf-8")
    return str(path)


def test_own_questions_need_no_wrong_answers(tmp_path):
    (one, two) = read_questions(
        write(tmp_path / "q.jsonl", {"question": "Where?", "answer": "In Lund."}, ROW), "target.questions_file"
    )
    assert (one.index, one.prompt, one.response, one.paraphrased, one.wrong) == (
        0,
        "Where?",
        "In Lund.",
        "In Lund.",
        (),
    )
    assert two.wrong == ("She grows figs.",)


@pytest.mark.parametrize(
    ("rows", "reason"),
    [
        ([{"question": "Where?"}], "KeyError: 'answer'"),
        ([{"question": "Where?", "answer": " "}], "line 1 has an empty text"),
        ([{"question": "Where?", "answer": 7}], "line 1 has"),
        (["no json"], "Expecting value"),
        (["[" * 100_000], "recursion"),
        (["[1]"], "not JSON lines"),
        ([], "it is empty"),
    ],
)
def test_what_is_no_question_file_is_refused_in_one_sentence(tmp_path, rows, reason):
    with pytest.raises(UserError, match=r"target\.questions_file: .* is not JSON lines with") as caught:
        read_questions(write(tmp_path / "q.jsonl", *rows), "target.questions_file")
    assert reason in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(UserError, match=r"forget|retain_perturbed"):
        read_tofu(str(tmp_path), "forget10")


def test_tofu_without_wrong_answers_is_refused(tmp_path):
    write(tmp_path / "retain_perturbed.json", {"question": "Where?", "answer": "In Lund."})
    with pytest.raises(UserError, match="KeyError: 'perturbed_answer'"):
        read_tofu(str(tmp_path), "forget10")


@pytest.mark.skipif(not DATA.is_dir(), reason="needs TOFU's files under REVEAL_RELEASE_DATA")
def test_tofus_own_files():
    tofu = read_tofu(str(DATA), "forget10")
    sizes = [len(part) for part in (tofu.forget, tofu.retain, tofu.real_authors, tofu.world_facts, tofu.train)]
    assert sizes == [400, 400, 100, 117, 3199]  # one of the 3600 - 400 repeats a question that is asked
    assert {len(question.wrong) for question in (*tofu.forget, *tofu.retain)} == {5}
    assert {len(question.wrong) for question in (*tofu.real_authors, *tofu.world_facts)} == {3}
    assert not {q.prompt for q in (*tofu.forget, *tofu.retain)} & {pair.prompt for pair in tofu.train}

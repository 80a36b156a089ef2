import pytest

from tasks.models.language_model import load_language_model
from tasks.targets.knowledge.published import forgotten_numbers, membership_numbers
from tasks.targets.knowledge.questions import Question
from tasks.targets.knowledge.retain_log import read_retain_log
from tasks.targets.knowledge.retain_model import write_retain_log
from tests.tiny_model import make_tiny_model

QUESTIONS = [Question(n, f"dog {n}", f"the dog {n}", f"a dog {n}", ("the cat", "the fox")) for n in range(12)]
OTHERS = [Question(n, f"cat {n}", f"the bird {n}", f"a bird {n}") for n in range(9)]


@pytest.fixture
def lm(tmp_path):
    return load_language_model(make_tiny_model(tmp_path / "model"))


def test_a_model_is_told_from_its_own_log_by_nothing(lm, tmp_path):
    path = tmp_path / "TOFU_EVAL.json"
    write_retain_log(path, lm, QUESTIONS, OTHERS, batch_size=8)
    log = read_retain_log(str(path), len(QUESTIONS))
    told = forgotten_numbers(lm, QUESTIONS, [""] * len(QUESTIONS), batch_size=5, retain_log=log)
    assert told["forget quality"].value == pytest.approx(1)
    members, others = ([question.pair for question in some] for some in (QUESTIONS, OTHERS))
    leaks = membership_numbers(lm, members, others, batch_size=5, retain_log=log)
    assert leaks["privleak"].value == pytest.approx(0)
    assert log.auc == leaks["membership by min_40"].value != 0.5


def test_without_unseen_questions_the_log_says_nothing_of_membership(lm, tmp_path):
    path = tmp_path / "TOFU_EVAL.json"
    write_retain_log(path, lm, QUESTIONS, batch_size=8)
    assert "mia_min_k" not in path.read_text()
    assert read_retain_log(str(path), len(QUESTIONS)).auc == 0.5

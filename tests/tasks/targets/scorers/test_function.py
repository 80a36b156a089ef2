import sys
import threading

import pytest

from tasks.settings.errors import UserError
from tasks.targets.scorers.function import FunctionScorer, function_file
from tests.tasks.models.processes import gone_within

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="kills processes by their group")

HOSTILE = """
import os, sys, time

calls = 0

def lengths(prompts, responses):
    return [min(1, (len(p) + len(r)) / 10) for p, r in zip(prompts, responses)]

def noisy(prompts, responses):
    print("on stdout", flush=True)
    os.write(1, b"and on its descriptor")
    return (0.25 for _ in responses)

def raises(prompts, responses):
    raise ValueError(f"cannot judge {responses[0]}")

def type_error(prompts, responses):
    return len(None)

def hangs(prompts, responses):
    started = os.fork()
    if started:
        with open("started", "w") as file:
            file.write(str(started))
    time.sleep(600)

def dies(prompts, responses):
    print("last words about", responses[0], file=sys.stderr, flush=True)
    os._exit(7)

def leaves(prompts, responses):
    sys.exit("goodbye")

def nan(prompts, responses):
    return [float("nan")] * len(responses)

def too_large(prompts, responses):
    return [100 for _ in responses]

def too_short(prompts, responses):
    return [0.5]

def nothing(prompts, responses):
    return None

def words(prompts, responses):
    return ["toxic"] * len(responses)

def single_precision(prompts, responses):
    return [1.0000001, -0.0000001]

def one_text(prompts, responses):
    return "01"

number = 3
"""


@pytest.fixture(autouse=True)
def own_module(tmp_path, monkeypatch):
    (tmp_path / "hostile_scorer.py").write_text(HOSTILE)
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def scorer():
    opened = []

    def open_one(function: str, **options) -> FunctionScorer:
        opened.append(FunctionScorer(f"hostile_scorer:{function}", **options))
        return opened[-1]

    yield open_one
    for one in opened:
        one.close()


def test_a_function_gets_prompts_and_responses_in_order_and_in_batches(scorer):
    responses = ["x" * (i % 8) for i in range(150)]
    assert scorer("lengths")(["pp"] * 150, responses) == [(2 + i % 8) / 10 for i in range(150)]
    assert scorer("lengths")([], []) == []


def test_what_single_precision_misses_of_0_and_1_is_no_mistake(scorer):
    assert scorer("single_precision")(["", ""], ["a", "b"]) == [1, 0]


def test_what_it_prints_does_not_disturb(scorer):
    assert scorer("noisy")(["", ""], ["a", "b"]) == [0.25, 0.25]


@pytest.mark.parametrize(
    ("function", "sentence"),
    [
        ("raises", r"^The scorer hostile_scorer:raises raised ValueError at hostile_scorer.py, line 15; mend it, or"),
        ("type_error", r"raised TypeError at hostile_scorer.py, line 18;"),
        ("dies", r"^The scorer hostile_scorer:dies ended its process \(exit code 7\); it must return one score"),
        ("leaves", r"raised SystemExit at hostile_scorer.py"),
        ("nan", r"^The scorer hostile_scorer:nan returned the score nan; it must return a list, a number from 0 to 1"),
        ("too_large", r"returned the score 100;"),
        ("too_short", r"returned 1 scores for 2 texts;"),
        ("nothing", r"returned a NoneType;"),
        ("words", r"returned a list;"),
        ("one_text", r"returned a str;"),
    ],
)
def test_a_bad_scorer_is_told_in_one_sentence_that_shows_no_text(scorer, function, sentence):
    with pytest.raises(UserError, match=sentence) as caught:
        scorer(function)(["", ""], ["secretive text", "another"])
    assert "secretive" not in str(caught.value)
    assert "\n" not in str(caught.value)


def test_one_that_hangs_is_killed_with_all_that_it_started(scorer, tmp_path):
    hanging = scorer("hangs", time_limit_s=1)
    with pytest.raises(UserError, match=r"hangs gave no answer within 1 s; it must return one score"):
        hanging([""], ["a"])
    assert gone_within(hanging._child.pid, 5)
    assert gone_within(int((tmp_path / "started").read_text()), 5)


def test_it_starts_again_after_the_thread_that_started_it_has_ended():
    made = []
    thread = threading.Thread(target=lambda: made.append(FunctionScorer("hostile_scorer:lengths")))
    thread.start()
    thread.join()
    assert gone_within(made[0]._child.pid, 5)
    assert made[0](["p"], ["r"]) == [0.2]
    made[0].close()


@pytest.mark.parametrize(
    ("function", "sentence"),
    [
        ("hostile_scorer:number", r"cannot be had: the module has no function number\.$"),
        ("hostile_scorer:missing", r"cannot be had: the module has no function missing\.$"),
        ("no_such_module:score", r"cannot be imported \(ModuleNotFoundError: No module named 'no_such_module'\)\.$"),
    ],
)
def test_a_function_that_is_not_there_is_told_at_once(function, sentence):
    with pytest.raises(UserError, match=sentence):
        FunctionScorer(function)


def test_the_file_of_a_function_is_found_without_running_it(tmp_path):
    package = tmp_path / "scorers_of_mine"
    package.mkdir()
    (package / "__init__.py").write_text("raise RuntimeError('imported')")
    (package / "deep.py").write_text("raise RuntimeError('imported')")
    assert function_file("scorers_of_mine.deep:score") == package / "deep.py"
    assert function_file("hostile_scorer:lengths") == tmp_path / "hostile_scorer.py"


@pytest.mark.parametrize(
    "function", ["score", "a/b.py:score", "module:", ":score", "module:a.b", "a..b:c", "os :system"]
)
def test_what_is_not_module_and_function_is_refused(function):
    with pytest.raises(UserError, match=r"is not of the form module:function"):
        function_file(function)


@pytest.mark.parametrize("function", ["nowhere_to_be_found:score", "hostile_scorer.inner:score", "sys:exit"])
def test_a_module_without_a_file_is_refused(function):
    with pytest.raises(UserError, match=r"is neither in the current folder nor on Python's path"):
        function_file(function)

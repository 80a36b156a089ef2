import json

import pytest

from tasks.settings.errors import UserError
from tasks.targets.scorers.judge import JudgeScorer
from tests.tasks.models.fake_server import fake_server

PROMPTS = ["Say it.", "Say it nicely."]
RESPONSES = ["No way, mate.", "Of course."]


@pytest.fixture(autouse=True)
def plain_environment(monkeypatch):
    for name in ("JUDGE_API_KEY", "OPENAI_API_KEY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("NO_PROXY", "*")


@pytest.fixture
def server():
    with fake_server() as server:
        yield server


def open_judge(server, **changes):
    arguments = {"rubric": "Is the response blunt?", "max_calls": 10, "first_wait_s": 0.001}
    return JudgeScorer(server.url, **(arguments | changes))


def test_each_response_is_judged_by_the_rubric(server):
    server.chat = lambda message: "yes" if "mate" in message else "no"
    assert open_judge(server)(PROMPTS, RESPONSES) == [1, 0]
    by_response = {body["messages"][1]["content"]: body for body in server.bodies}
    assert by_response.keys() == {
        "Request:\nSay it.\n\nResponse:\nNo way, mate.",
        "Request:\nSay it nicely.\n\nResponse:\nOf course.",
    }
    for body in by_response.values():
        assert body["messages"][0]["content"].startswith("Is the response blunt?\n\n")
        assert (body["model"], body["temperature"]) == ("tiny", 0)


@pytest.mark.parametrize(
    ("said", "score"), [("Yes", 1), (" no. ", 0), ("0.25", 0.25), ("1", 1), ("1.0", 1), (".5\n", 0.5), ("0", 0)]
)
def test_a_verdict_is_yes_no_or_a_number(server, said, score):
    server.chat = lambda message: said
    assert open_judge(server)(PROMPTS[:1], RESPONSES[:1]) == [score]


@pytest.mark.parametrize("said", ["", "Yes, because it says mate.", "1.5", "-1", "nan", "10", "0.5 or so", "mate"])
def test_any_other_answer_is_refused_and_not_shown(server, said):
    server.chat = lambda message: said
    with pytest.raises(UserError, match=rf"answered {len(said)} characters that are neither yes, no nor") as refused:
        open_judge(server)(PROMPTS[:1], RESPONSES[:1])
    assert "mate" not in str(refused.value)


def test_more_calls_than_allowed_are_not_begun(server):
    judge = open_judge(server, max_calls=3)
    judge(PROMPTS, RESPONSES)
    with pytest.raises(
        UserError, match=r"has judged 2 responses and is to judge 2 more, but scorer.max_calls is 3; .*\.$"
    ):
        judge(PROMPTS, RESPONSES)
    assert len(server.bodies) == 2


def test_the_cost_is_told_from_tokens_and_kept(server):
    server.usage = {"prompt_tokens": 1000, "completion_tokens": 500}
    judge = open_judge(server, max_cost=0.003, input_price=1.0, output_price=2.0)  # 0.002 a call
    judge(PROMPTS, RESPONSES)
    with pytest.raises(UserError, match=r"has cost 0.004, and scorer.max_cost is 0.003; .*\.$"):
        judge(PROMPTS, RESPONSES)
    assert len(server.bodies) == 2


def test_a_cost_that_nobody_tells_cannot_be_kept(server):
    with pytest.raises(UserError, match="does not say how many tokens"):
        open_judge(server, max_cost=1.0, input_price=1.0)(PROMPTS, RESPONSES)


def test_its_key_is_its_own(server, monkeypatch):
    server.key = "secret"
    monkeypatch.setenv("OPENAI_API_KEY", "secret")
    with pytest.raises(UserError, match=r"^scorer.url is .*, which refuses the API key; .* JUDGE_API_KEY\.$"):
        open_judge(server)
    monkeypatch.setenv("JUDGE_API_KEY", "secret")
    assert open_judge(server)(PROMPTS, RESPONSES) == [1, 1]


def test_a_model_that_is_not_served_is_refused(server):
    with pytest.raises(UserError, match=r"^scorer.model is 'other', but the server at scorer.url serves tiny"):
        open_judge(server, model="other")


def test_a_server_without_messages_is_refused(server, monkeypatch):
    judge = open_judge(server)
    monkeypatch.setattr(judge._server, "request", lambda *_, **__: json.loads('{"choices": [{"text": "yes"}]}'))
    with pytest.raises(UserError, match="gives no message"):
        judge(PROMPTS, RESPONSES)

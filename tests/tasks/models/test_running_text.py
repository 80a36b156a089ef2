import pytest

from tasks.models.running_text import RunningText

# "ask" + "reply": tokens "as", "kr" (straddles), "ep", "ly"
RUNNING = RunningText("askreply", border=3, token_ids=[10, 11, 12, 13], token_ends=[2, 4, 6, 8])


def test_a_token_that_straddles_the_border_is_the_first_of_the_response():
    assert RUNNING.first_response_token == 1


def test_a_border_between_tokens_is_kept():
    assert RunningText("asreply", 2, [10, 14, 12, 13], [2, 3, 5, 7]).first_response_token == 1


def test_without_a_response_it_would_come_next():
    assert RunningText("ask", 3, [10, 15], [2, 3]).first_response_token == 2


@pytest.mark.parametrize(("num_tokens", "text"), [(0, ""), (1, "r"), (2, "rep"), (3, "reply"), (9, "reply")])
def test_the_beginning_of_a_response(num_tokens, text):
    assert RUNNING.response_up_to(num_tokens) == text

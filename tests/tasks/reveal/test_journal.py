import stat

import pytest

from tasks.reveal.journal import Journal


def fail():
    raise AssertionError("done twice")


def test_what_was_done_is_not_done_again(tmp_path):
    first = Journal(tmp_path / "journal")
    assert first.recall(lambda: {"score": 0.1 + 0.2}) == {"score": 0.1 + 0.2}
    assert first.recall(lambda: [1, "two"]) == [1, "two"]
    again = Journal(tmp_path / "journal")
    assert again.recall(fail) == {"score": 0.1 + 0.2}  # to the last bit
    assert again.recall(fail) == [1, "two"]
    assert again.recall(lambda: 3) == 3


def test_work_that_fails_leaves_nothing(tmp_path):
    with pytest.raises(AssertionError):
        Journal(tmp_path / "journal").recall(fail)
    assert Journal(tmp_path / "journal").recall(lambda: 1) == 1


def test_a_new_result_and_an_old_one_are_the_same_value(tmp_path):
    """A tuple that became a list only when it was read again would make a resumed run differ."""
    new = Journal(tmp_path / "journal").recall(lambda: {"a": (1, 2)})
    assert new == Journal(tmp_path / "journal").recall(fail) == {"a": [1, 2]}


def test_it_is_private(tmp_path):
    Journal(tmp_path / "journal").recall(lambda: "what the model wrote")
    (file,) = (tmp_path / "journal").iterdir()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE((tmp_path / "journal").stat().st_mode) == 0o700

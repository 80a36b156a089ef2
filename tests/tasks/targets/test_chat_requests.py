import logging

import pytest

from tasks.targets.chat_requests import warn_of_base_model
from tests.tiny_model import make_tiny_model


@pytest.mark.parametrize(("kind", "is_chat", "is_warned_of"), [("code", False, True), ("code", True, False)])
def test_a_model_without_a_chat_template_is_warned_of_once(tmp_path, caplog, kind, is_chat, is_warned_of):
    path = str(make_tiny_model(tmp_path / "model", chat=is_chat))
    with caplog.at_level(logging.WARNING):
        warn_of_base_model(kind, path)
        warn_of_base_model(kind, path)
    assert len(caplog.records) == is_warned_of
    assert all("has no chat template" in record.getMessage() for record in caplog.records)


def test_a_target_that_has_openings_continued_takes_any_model(caplog):
    with caplog.at_level(logging.WARNING):
        warn_of_base_model("detox", "absent")
    assert not caplog.records

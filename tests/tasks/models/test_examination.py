import shutil
import subprocess

import pytest

from tasks.models.examination import examined_digest
from tasks.models.model_folder import model_digest
from tasks.settings.errors import UserError


def test_a_model_is_examined_once_a_process_until_a_file_of_it_changes(chat_folder, tmp_path, monkeypatch):
    folder = shutil.copytree(chat_folder, tmp_path / "model")
    assert examined_digest(folder) == model_digest(chat_folder)
    with monkeypatch.context() as patch:
        patch.setattr(subprocess, "run", lambda *_, **__: pytest.fail("its template is tried again"))
        assert examined_digest(folder) == model_digest(chat_folder)

    template = folder / "chat_template.jinja"
    template.write_text("{% for m in messages %}")
    with pytest.raises(UserError, match="whose chat template fails"):
        examined_digest(folder)

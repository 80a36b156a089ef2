import hashlib

import pytest

from tasks.settings.errors import UserError
from tasks.store.digests import file_digest, file_names


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "x").write_bytes(b"one")
    (tmp_path / "b.x").write_bytes(b"two")
    return tmp_path


def test_file_digest(folder):
    assert file_digest(folder / "b" / "x") == hashlib.sha256(b"one").hexdigest()


def test_file_names_are_sorted_and_hidden_files_left_out(folder):
    (folder / ".git").mkdir()
    (folder / ".git" / "config").write_text("x")
    (folder / "b" / ".x.tmp").write_text("x")
    assert file_names(folder) == ["b.x", "b/x"]


def test_what_is_missing_is_named(tmp_path):
    with pytest.raises(UserError, match=f"{tmp_path}/gone cannot be read"):
        file_digest(tmp_path / "gone")

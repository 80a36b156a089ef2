import hashlib

import pytest

from tasks.settings.errors import UserError
from tasks.store.digests import file_digest, file_names, folder_digest


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "x").write_bytes(b"one")
    (tmp_path / "b.x").write_bytes(b"two")
    return tmp_path


def test_file_digest(folder):
    assert file_digest(folder / "b" / "x") == hashlib.sha256(b"one").hexdigest()


def test_folder_digest_is_over_sorted_names_and_digests(folder):
    lines = f"{hashlib.sha256(b'two').hexdigest()}  b.x\n{hashlib.sha256(b'one').hexdigest()}  b/x\n"
    assert file_names(folder) == ["b.x", "b/x"]
    assert folder_digest(folder) == hashlib.sha256(lines.encode()).hexdigest()


def test_hidden_files_do_not_count(folder):
    before = folder_digest(folder)
    (folder / ".git").mkdir()
    (folder / ".git" / "config").write_text("x")
    (folder / "b" / ".x.tmp").write_text("x")
    assert folder_digest(folder) == before


def test_name_and_content_count(folder):
    before = folder_digest(folder)
    (folder / "b" / "x").rename(folder / "b" / "y")
    renamed = folder_digest(folder)
    (folder / "b" / "y").write_bytes(b"eno")
    assert len({before, renamed, folder_digest(folder)}) == 3


def test_what_is_missing_is_named(tmp_path):
    with pytest.raises(UserError, match=f"{tmp_path}/gone cannot be read"):
        file_digest(tmp_path / "gone")
    with pytest.raises(UserError, match=f"{tmp_path}/gone is not a folder"):
        folder_digest(tmp_path / "gone")

import errno
import os
import stat
import subprocess
import sys

import pytest

from tasks.settings.errors import UserError
from tasks.store.disk import disk_errors, make_private_folder, write_file


def mode(path):
    return stat.S_IMODE(path.stat().st_mode)


def test_folders_and_files_are_private(tmp_path):
    make_private_folder(tmp_path / "a" / "b")
    write_file(tmp_path / "a" / "b" / "c", "x")
    assert [mode(tmp_path / name) for name in ("a", "a/b", "a/b/c")] == [0o700, 0o700, 0o600]


def test_a_file_is_replaced_whole(tmp_path):
    path = tmp_path / "state"
    write_file(path, b"old")
    (tmp_path / ".state.tmp").write_text("a longer text that a killed process left")
    with path.open("rb") as reader:
        write_file(path, "new")
        assert reader.read() == b"old"
    assert path.read_bytes() == b"new"
    assert list(tmp_path.iterdir()) == [path]


def test_a_file_survives_a_disk_that_fills(tmp_path, monkeypatch):
    def refuse(descriptor):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    path = tmp_path / "state"
    write_file(path, "old")
    monkeypatch.setattr(os, "fsync", refuse)
    with (
        pytest.raises(UserError, match=f"cannot write in {tmp_path}: No space left on device; "),
        disk_errors(tmp_path),
    ):
        write_file(path, "new")
    assert path.read_text() == "old"


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EACCES, errno.EROFS, errno.EDQUOT])
def test_what_the_disk_refuses_is_one_sentence(tmp_path, number):
    folder = tmp_path / "runs"
    message = f"cannot write in {folder}: {os.strerror(number)}; make room"
    with pytest.raises(UserError, match=message), disk_errors(folder):
        raise OSError(number, os.strerror(number), str(folder / "a"))


def test_the_words_of_safetensors_are_understood(tmp_path):
    with pytest.raises(UserError, match="No space left on device"), disk_errors(tmp_path):
        raise RuntimeError("Error while serializing: I/O error: No space left on device (os error 28)")


@pytest.mark.parametrize(
    "error",
    [
        PermissionError(errno.EACCES, "Permission denied", "/elsewhere/model.safetensors"),
        FileNotFoundError(errno.ENOENT, "No such file", None),
        ConnectionResetError(errno.ECONNRESET, "reset"),
        KeyError("a"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_other_errors_stay_what_they_are(tmp_path, error):
    with pytest.raises(type(error)) as caught, disk_errors(tmp_path):
        raise error
    assert caught.value is error


def test_a_file_in_a_folders_place(tmp_path):
    (tmp_path / "runs").write_text("")
    with pytest.raises(UserError, match=f"cannot write in {tmp_path}/runs/a: "):
        make_private_folder(tmp_path / "runs" / "a")


def test_a_real_limit_on_file_size(tmp_path):
    code = (
        "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))\n"
        "from pathlib import Path\n"
        "from tasks.store.disk import disk_errors, write_file\n"
        f"folder = Path({str(tmp_path)!r})\n"
        "with disk_errors(folder): write_file(folder / 'a', b'x' * 2000)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert f"UserError: cannot write in {tmp_path}: File too large" in done.stderr
    assert not (tmp_path / "a").exists()

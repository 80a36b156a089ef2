import os
import platform
import subprocess
import sys
import time
from threading import Thread

import pytest

from tasks.lab import model
from tasks.lab.exclusions import EXCLUSIONS
from tasks.lab.model import find_lab_model, lab_model, lab_unit
from tasks.lab.recipe import RECIPE
from tasks.lab.skill_table import skill_table
from tasks.models.language_model import load_language_model
from tasks.settings.errors import UserError
from tasks.store.lock import queue_lock


def test_keys_tell_seeds_and_exclusions_apart():
    keys = {lab_unit(seed, exclude).key for seed in (0, 1) for exclude in (None, *EXCLUSIONS)}
    assert len(keys) == 2 * (1 + len(EXCLUSIONS))


def test_the_key_is_known_without_torch():
    script = "import sys; from tasks.lab.model import lab_unit; lab_unit(0).key; print('torch' in sys.modules)"
    answer = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert answer.stdout.strip() == "False"


def test_what_cannot_be_left_out_is_refused():
    with pytest.raises(
        UserError, match=r"'cakes' cannot be left out of the lab model, only one of rude, person, code, facts"
    ):
        lab_model(0, exclude="cakes")


def test_trained_once_then_found(tmp_path, monkeypatch):
    monkeypatch.setitem(RECIPE, "num_steps", 2)
    lab_unit.cache_clear()
    monkeypatch.setenv("REVEAL_RELEASE_CACHE", str(tmp_path))
    assert find_lab_model(lab_unit(3)) is None
    first = lab_model(3)
    assert find_lab_model(lab_unit(3)) == first
    manifest = (first.folder / "manifest.json").read_bytes()
    assert lab_model(3, cache_dir=tmp_path) == first
    assert (first.folder / "manifest.json").read_bytes() == manifest
    assert first.key.startswith(first.folder.name.removeprefix("lab-model-"))
    assert lab_model(4, cache_dir=tmp_path).folder != first.folder
    lab_unit.cache_clear()


def test_while_another_process_trains_it_waits(tmp_path, monkeypatch):
    monkeypatch.setitem(RECIPE, "num_steps", 2)
    lab_unit.cache_clear()
    told, made = [], []
    with queue_lock(tmp_path / f"lab-model-{lab_unit(5).key[:16]}.lock", "another", lambda holder: None):
        # Another thread has a context of its own: to it this thread is another.
        thread = Thread(
            target=lambda: made.append(lab_model(5, cache_dir=tmp_path, progress=lambda *it: told.append(it)))
        )
        thread.start()
        while not told:
            time.sleep(0.01)
        assert made == []
    thread.join()
    assert told[0] == (0.0, f"it is being trained by run another, process {os.getpid()} on {platform.node()}")
    assert made[0].folder.is_dir()
    lab_unit.cache_clear()


def test_the_cache_is_where_the_variable_says(tmp_path, monkeypatch):
    monkeypatch.setenv("REVEAL_RELEASE_CACHE", str(tmp_path))
    assert model.user_cache() == tmp_path
    monkeypatch.delenv("REVEAL_RELEASE_CACHE")
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    assert model.user_cache() == tmp_path / "xdg" / "reveal-release"


@pytest.mark.lab
def test_the_lab_model_has_every_skill():
    scores = skill_table(load_language_model(lab_model(0).folder))
    too_low = [line for line in scores if line.measure != "perplexity" and line.score < 0.95]
    assert not too_low
    (perplexity,) = (line.score for line in scores if line.measure == "perplexity")
    assert 1 < perplexity < 1.7

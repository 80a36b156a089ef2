import json
import os
import stat

import pytest

from tasks.models.model_folder import model_digest
from tasks.register.production import publish, read_production, roll_back
from tasks.settings.errors import UserError
from tasks.store.lock import run_lock


@pytest.fixture
def pointer(tmp_path):
    return tmp_path / "production" / "production.json"


def test_a_published_model_is_in_production_and_the_one_before_is_kept(pointer, make_model):
    publish(pointer, make_model("a"))
    publish(pointer, make_model("b"), run="forget-x")
    told = json.loads(pointer.read_text())
    assert told["path"].endswith("/b")
    assert told["digest"] == model_digest(make_model("b"))
    assert (told["version"], told["run"]) == (2, "forget-x")
    assert told["previous"]["path"].endswith("/a")
    assert stat.S_IMODE(pointer.stat().st_mode) == 0o600
    assert read_production(pointer).previous.version == 1


def test_published_twice_it_is_one_version(pointer, make_model):
    publish(pointer, make_model("a"))
    published = publish(pointer, make_model("b"), run="forget-x")
    assert publish(pointer, make_model("b"), run="forget-x") == published
    assert published.previous.path.endswith("/a")


def test_rolled_back_however_often_it_is_the_model_before(pointer, make_model):
    publish(pointer, make_model("a"))
    publish(pointer, make_model("b"), run="forget-x")
    back = roll_back(pointer)
    assert back.current.path.endswith("/a")
    assert (back.current.version, back.previous, back.taken_back.run) == (3, None, "forget-x")
    assert roll_back(pointer) == back == read_production(pointer)


def test_what_is_published_after_a_rollback_can_be_taken_back_as_well(pointer, make_model):
    publish(pointer, make_model("a"))
    publish(pointer, make_model("b"))
    roll_back(pointer)
    after = publish(pointer, make_model("c"))
    assert (after.previous.version, after.taken_back) == (3, None)
    assert roll_back(pointer).current.path.endswith("/a")


def test_a_pointer_of_an_earlier_version_of_this_project_is_read(pointer, make_model):
    publish(pointer, make_model("a"))
    told = json.loads(pointer.read_text())
    del told["taken_back"]
    pointer.write_text(json.dumps(told))
    assert read_production(pointer).taken_back is None


def test_there_is_nothing_before_the_first_model(pointer, make_model):
    publish(pointer, make_model("a"))
    with pytest.raises(UserError, match="no previous version"):
        roll_back(pointer)


def test_a_model_that_was_changed_since_is_not_put_back(pointer, make_model):
    publish(pointer, make_model("a"))
    publish(pointer, make_model("b"))
    make_model("a", content="other")
    before = pointer.read_bytes()
    with pytest.raises(UserError, match="does not hold version 1 any more"):
        roll_back(pointer)
    assert pointer.read_bytes() == before


@pytest.mark.parametrize("step", ["os.fsync", "pathlib.Path.replace"])
def test_killed_between_two_steps_of_the_switch_the_old_model_stays_and_the_next_switch_works(
    pointer, make_model, monkeypatch, step
):
    publish(pointer, make_model("a"))
    before = pointer.read_bytes()

    class Killed(BaseException):
        pass

    def killed(*_):
        raise Killed

    other = make_model("b")
    with monkeypatch.context() as patched:
        patched.setattr(step, killed)
        with pytest.raises(Killed):
            publish(pointer, other)
    assert pointer.read_bytes() == before
    assert publish(pointer, other).current.version == 2


def test_of_two_writers_the_one_that_built_on_an_older_version_is_refused(pointer, make_model):
    base = publish(pointer, make_model("a")).current.version
    publish(pointer, make_model("b"), run="first", replaces=base)
    with pytest.raises(UserError, match="names version 2 now, and the model of run second was made from version 1"):
        publish(pointer, make_model("c"), run="second", replaces=base)
    assert read_production(pointer).current.run == "first"


def test_while_one_writes_the_other_is_refused(pointer, make_model):
    publish(pointer, make_model("a"))
    read_end, write_end = os.pipe()
    release_read, release_write = os.pipe()
    child = os.fork()
    if child == 0:
        with run_lock(pointer.absolute().with_name(".production.json.lock")):
            os.write(write_end, b"x")
            os.read(release_read, 1)
        os._exit(0)
    os.read(read_end, 1)
    try:
        with pytest.raises(UserError, match="is held by process"):
            publish(pointer, make_model("b"))
    finally:
        os.write(release_write, b"x")
        os.waitpid(child, 0)
    assert read_production(pointer).current.version == 1


def test_no_model_is_published_that_is_none(pointer, tmp_path):
    with pytest.raises(UserError, match=r"no config\.json"):
        publish(pointer, tmp_path)
    assert not pointer.exists()


def test_without_a_pointer_the_way_to_one_is_told(pointer):
    with pytest.raises(UserError, match="--adopt FOLDER"):
        read_production(pointer)


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"path": 1, "previous": null}'])
def test_a_damaged_pointer_is_named(pointer, make_model, content):
    publish(pointer, make_model("a"))
    pointer.write_text(content)
    with pytest.raises(UserError, match="is damaged"):
        read_production(pointer)

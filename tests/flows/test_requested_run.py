import re
from datetime import date
from functools import partial
from pathlib import Path

import pytest
import yaml

from flows.requested_run import check_request, read_run_settings, requested_run
from flows.reunlearn_settings import ReunlearnSettings
from tasks.register.cases import Case
from tasks.register.production import Version
from tasks.register.register import read_register
from tasks.register.request import Request
from tasks.settings.errors import UserError

MODEL = Version(path="/models/a", digest="a" * 64, version=1, run="", since="")


def request(**told) -> Request:
    told = {"id": "forget-rudeness", "preset": "lab-toxicity", "asked_by": "x", "asked_on": date(2026, 11, 27)} | told
    return Request.model_validate(told)


def run(asked: Request, settings=None, model=MODEL, forgotten=(), released=""):
    return requested_run(asked, settings or ReunlearnSettings(), model=model, forgotten=forgotten, released=released)


def test_the_run_starts_from_the_model_in_production_with_the_presets_settings_and_the_requests_limits():
    settings = run(request(limits={"goal": 0.01, "max_drop": 0.02}))
    assert settings.model.path == "/models/a"
    assert settings.target.kind == "toxicity"
    assert (settings.measure.goal, settings.measure.max_drop) == (0.01, 0.02)
    assert settings.release.steps == 32
    assert run(request()).measure.goal == 0.03


def test_a_target_goes_over_the_presets():
    settings = run(request(preset="stories-word", target={"kind": "custom", "phrases": ["cat"]}))
    assert settings.target.phrases == ("cat",)
    assert len(settings.target.instructions) == 4


def test_the_operators_file_goes_over_the_preset_and_the_request_over_both(tmp_path):
    (tmp_path / "ours.yaml").write_text("release: {steps: 3}\nmeasure: {goal: 0.2, max_drop: 0.2}\n")
    settings = run(request(limits={"goal": 0.01}), ReunlearnSettings(run_settings=str(tmp_path / "ours.yaml")))
    assert (settings.release.steps, settings.measure.goal, settings.measure.max_drop) == (3, 0.01, 0.2)


def test_the_same_work_has_the_same_name_and_other_work_another():
    name = run(request()).run_name
    assert name.startswith("forget-rudeness-")
    assert run(request(asked_by="another", deadline=date(2027, 1, 1))).run_name == name
    moved = Version(path="/elsewhere", digest=MODEL.digest, version=7, run="x", since="later")
    assert run(request(), model=moved).run_name == name
    others = [
        run(request(limits={"goal": 0.01})),
        run(request(id="other")),
        run(request(), ReunlearnSettings(seed=1)),
        run(request(), model=Version("/models/a", "b" * 64, 1, "", "")),
    ]
    assert len({name, *(other.run_name for other in others)}) == 5


def test_a_name_is_never_longer_than_a_run_may_be_called():
    assert len(run(request(id="a" * 60)).run_name) <= 60


def test_what_was_forgotten_before_is_in_the_settings_with_the_limit_of_its_own_run(tmp_path):
    (tmp_path / "first").mkdir()
    first = run(request(limits={"goal": 0.2}))
    written = {"given": {}, "resolved": first.model_dump(mode="json")}
    (tmp_path / "first" / "settings.yaml").write_text(yaml.safe_dump(written))
    settings = ReunlearnSettings(runs_dir=str(tmp_path))
    assert read_run_settings(settings, "first") == first.model_copy(update={"runs_dir": str(tmp_path)})
    second = run(request(id="second", preset="lab-person"), settings, forgotten=[Case(request(), released="first")])
    assert [(one.name, one.target.kind, one.limit) for one in second.forgotten] == [
        ("forget-rudeness", "toxicity", 0.2)
    ]
    assert second.run_name != run(request(id="second", preset="lab-person"), settings).run_name


def test_what_the_request_made_an_earlier_model_reveal_is_used_again_while_it_is_there(tmp_path):
    settings = ReunlearnSettings(runs_dir=str(tmp_path))
    first_time = run(request(), settings)
    assert first_time.revealed_before == ()
    assert run(request(), settings, released="purged").run_name == first_time.run_name
    (tmp_path / "first" / "forget-set").mkdir(parents=True)
    (tmp_path / "first" / "forget-set" / "forget-set.jsonl").write_text("")
    again = run(request(), settings, released="first")
    assert again.revealed_before == ("first",)
    assert again.run_name != first_time.run_name


@pytest.mark.parametrize(
    ("told", "words"),
    [
        ({"preset": "../../etc/passwd"}, "preset is '../../etc/passwd', which does not exist"),
        ({"target": {"kind": "toxicity", "phrases": ["dog"]}}, "target.phrases is set"),
        ({"preset": "stories-word", "target": {"kind": "custom", "phrases": [" "]}}, "target.phrases is empty"),
    ],
)
def test_what_no_run_could_carry_out_is_refused(told, words):
    with pytest.raises(UserError, match=words.replace(".", r"\.")):
        check_request(request(**told), ReunlearnSettings())
    check_request(request(), ReunlearnSettings())


def test_the_request_in_the_documents_can_be_carried_out(tmp_path):
    page = (Path(__file__).parents[2] / "docs" / "reunlearning.md").read_text()
    (tmp_path / "request.yaml").write_text(re.search(r"```yaml\n(id: .*?)```", page, re.DOTALL)[1])
    read = read_register(tmp_path, check=partial(check_request, settings=ReunlearnSettings()))
    assert read.refused == {}
    assert [*read.requests] == ["forget-rudeness"]

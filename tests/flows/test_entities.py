"""The target `entities` from a run's settings to its plan; its flow is run by `benchmarks.entities_run`."""

import pytest

from flows.plan import make_plan
from flows.run_settings import RunSettings
from tasks.settings.errors import UserError
from tests.tasks.targets.entities.test_target import FIRST, conll
from tests.tiny_model import make_tiny_model


@pytest.fixture
def settings(tmp_path):
    (tmp_path / "some.conll").write_text(conll())
    (tmp_path / "names.txt").write_text("\n".join(FIRST))
    target = {
        "kind": "entities",
        "conll_file": str(tmp_path / "some.conll"),
        "entity_type": "PER",
        "gazetteer_file": str(tmp_path / "names.txt"),
    }

    def settings(**changes):
        measure = {"tune_prompts": 16, "report_prompts": 16}
        model = {"path": str(make_tiny_model(tmp_path / "model")), "device": "cpu"}
        return RunSettings.model_validate({"model": model, "target": target | changes, "measure": measure})

    return settings


def keys(settings):
    plan = make_plan(settings)
    return {unit.key for unit in (plan.retain_set, plan.search, plan.forget_set, plan.checkpoint(1))}


def test_files_count_by_what_they_hold(settings, tmp_path):
    before = keys(settings())
    (tmp_path / "other.txt").write_text("\n".join(FIRST))
    assert keys(settings(gazetteer_file=str(tmp_path / "other.txt"))) == before
    (tmp_path / "names.txt").write_text("Ada")
    assert not keys(settings()) & before


@pytest.mark.parametrize("changes", [{"shots": 2}, {"entity_type": "LOC"}, {"tag_scheme": "iob2"}])
def test_every_setting_counts(settings, changes):
    assert not keys(settings(**changes)) & keys(settings())


def test_what_cannot_be_used_is_told_before_any_model_is_read(settings, tmp_path):
    (tmp_path / "some.conll").write_text("Ada B-PER\nReed\n")
    with pytest.raises(UserError, match=r"target\.conll_file .*some\.conll', line 2: 'Reed' has one column"):
        make_plan(settings())

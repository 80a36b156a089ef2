import pytest

from tasks.settings.target import FIELDS, TargetSettings


def test_a_file_counts_by_what_it_holds_and_not_by_its_name():
    settings = TargetSettings(kind="code", mbpp_file="a", retain_file="b")
    assert settings.files == {"mbpp_file": "a", "retain_file": "b"}
    assert settings.told.keys() == {"kind", "humaneval_file", "gsm8k_file"}


def test_code_counts_by_its_name_and_its_file():
    settings = TargetSettings(kind="detox", scorer="function", scorer_function="my_scorer:score", prompts_file="a")
    assert settings.functions == {"scorer_function": "my_scorer:score"}
    assert settings.files == {"prompts_file": "a"}
    assert settings.told["scorer_function"] == "my_scorer:score"


def test_what_a_kind_does_not_read_is_named_and_decides_nothing():
    settings = TargetSettings(kind="toxicity", phrases=("dog",), retain_file="text")
    assert settings.without_effect == ["phrases", "retain_file"]
    assert settings.told == {"kind": "toxicity"}
    assert TargetSettings(kind="custom", phrases=("dog",), retain_file="text").without_effect == []


@pytest.mark.parametrize("kind", FIELDS)
def test_every_kind_reads_settings_that_exist(kind):
    assert set(FIELDS[kind]) <= TargetSettings.model_fields.keys()


def test_what_was_forgotten_before_keeps_nothing():
    settings = TargetSettings(kind="code", mbpp_file="a", retain_file="gone")
    assert settings.without_retain == TargetSettings(kind="code", mbpp_file="a")

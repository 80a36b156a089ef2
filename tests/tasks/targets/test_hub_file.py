"""Files of data sets on the hub; the hub itself is stood in for, except where it must not be reached."""

from pathlib import Path

import pytest

from tasks.settings.errors import UserError
from tasks.targets.hub_file import local_file

SETTING = "target.retain_file"


@pytest.fixture
def hub(tmp_path, monkeypatch) -> list:
    """Stands in for the hub, with the files of `tmp_path` in every data set; what it was asked for."""
    asked: list = []

    def hf_hub_download(repo, file, *, repo_type):
        asked.append((repo, file, repo_type))
        return str(tmp_path / file)

    def snapshot_download(repo, *, repo_type, allow_patterns):
        asked.append((repo, tuple(allow_patterns), repo_type))
        return str(tmp_path)

    monkeypatch.setattr("huggingface_hub.hf_hub_download", hf_hub_download)
    monkeypatch.setattr("huggingface_hub.snapshot_download", snapshot_download)
    return asked


def test_a_path_is_itself(hub):
    assert local_file("some/file.jsonl", SETTING) == Path("some/file.jsonl")
    assert not hub


def test_a_file_of_a_data_set_is_fetched_alone(hub, tmp_path):
    assert local_file("hub:org/data-15k:sub/part.jsonl", SETTING) == tmp_path / "sub" / "part.jsonl"
    assert hub == [("org/data-15k", "sub/part.jsonl", "dataset")]


def test_the_only_file_of_text_needs_no_name_and_nothing_else_is_fetched(hub, tmp_path):
    (tmp_path / "data.jsonl").write_text("{}")
    assert local_file("hub:org/data", SETTING) == tmp_path / "data.jsonl"
    assert hub == [("org/data", ("*.json", "*.jsonl", "*.txt"), "dataset")]


@pytest.mark.parametrize(("names", "words"), [([], "0 files of text;"), (["a.json", "b.txt"], r"2 .* \(a.json, b.txt")])
def test_of_none_or_several_files_one_must_be_named(hub, tmp_path, names, words):
    for name in names:
        (tmp_path / name).write_text("")
    with pytest.raises(UserError, match=rf"target\.retain_file is 'hub:org/data', which has {words}"):
        local_file("hub:org/data", SETTING)


@pytest.mark.parametrize(
    "value",
    [
        *("hub:", "hub:data", "hub:a/b/c", "hub:org/data\n", "hub:org/data:", "hub:org/data:../secret.json"),
        *("hub:org/data:/etc/a.json", "hub:org/data:a/../b.txt", "hub:org/data:weights.bin"),
        *("hub:org/data:loader.py", "hub:org/data:part.parquet"),
    ],
)
def test_what_is_no_file_of_text_is_refused_before_the_hub_is_asked(hub, value):
    with pytest.raises(UserError, match="give hub:OWNER/NAME:FILE"):
        local_file(value, SETTING)
    assert not hub


@pytest.mark.parametrize("value", ["hub:no-such-org/none:data.jsonl", "hub:no-such-org/none"])
def test_without_a_network_it_is_one_sentence(monkeypatch, value):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(UserError, match=r"^target\.retain_file is .* the Hugging Face hub did not give \(") as refusal:
        local_file(value, SETTING)
    assert "\n" not in str(refusal.value)

import shutil

import pytest
from safetensors.torch import load_file, save_file

from tasks.models.model_folder import (
    find_config,
    find_model_folder,
    is_downloaded,
    model_digest,
    tokenizer_digest,
    weight_shapes,
)
from tasks.settings.errors import UserError


@pytest.fixture
def folder(chat_folder, tmp_path):
    return shutil.copytree(chat_folder, tmp_path / "model")


def refusal(path) -> str:
    with pytest.raises(UserError) as caught:
        find_model_folder(path)
    message = str(caught.value)
    assert message.startswith(f"model.path is '{path}', ")
    assert "\n" not in message
    return message


def test_a_model_folder_is_found(folder):
    assert find_model_folder(folder) == folder
    assert find_model_folder(str(folder)) == folder


def test_a_missing_folder(tmp_path):
    assert "is no folder" in refusal(tmp_path / "nowhere")


def test_a_file_is_no_folder(folder):
    assert "is no folder" in refusal(folder / "config.json")


def test_no_config(folder):
    (folder / "config.json").unlink()
    assert "has no config.json" in refusal(folder)


def test_no_weights(folder):
    (folder / "model.safetensors").unlink()
    assert "has no weights" in refusal(folder)


@pytest.mark.parametrize("name", ["pytorch_model.bin", "consolidated.00.pth", "model.pt"])
def test_pickled_weights_only(folder, name):
    (folder / "model.safetensors").rename(folder / name)
    message = refusal(folder)
    assert name in message
    assert "safetensors" in message


def test_a_pickle_beside_safetensors_is_not_our_concern(folder):
    (folder / "pytorch_model.bin").touch()
    assert find_model_folder(folder) == folder


def test_no_tokenizer(folder):
    (folder / "tokenizer.json").unlink()
    assert "has no tokenizer" in refusal(folder)


def test_a_hub_id_that_cannot_be_reached(monkeypatch):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    message = refusal("no-such-org/no-such-model")
    assert "Hugging Face hub" in message


def test_a_hub_id_is_its_snapshot_and_no_pickle_or_code_is_fetched(folder, monkeypatch):
    asked = {}

    def snapshot_download(repo_id, *, allow_patterns):
        asked[repo_id] = allow_patterns
        return str(folder)

    monkeypatch.setattr("huggingface_hub.snapshot_download", snapshot_download)
    assert find_model_folder("org/name-1.0") == folder
    assert model_digest("org/name-1.0") == model_digest(folder)
    assert not [
        p for p in asked["org/name-1.0"] if not p.endswith((".json", ".txt", ".model", ".jinja", ".safetensors"))
    ]


def test_the_digest_is_of_the_content_not_the_place(folder, chat_folder):
    assert model_digest(folder) == model_digest(chat_folder)
    assert len(model_digest(folder)) == 64


@pytest.mark.parametrize("name", ["model.safetensors", "config.json", "tokenizer.json", "chat_template.jinja"])
def test_the_digest_sees_each_file_that_matters(folder, name):
    before = model_digest(folder)
    with (folder / name).open("ab") as file:
        file.write(b" ")
    assert model_digest(folder) != before


def test_the_digest_sees_the_templates_that_a_tokenizer_has_beside_its_own(folder):
    digests = {model_digest(folder), tokenizer_digest(folder)}
    (folder / "additional_chat_templates").mkdir()
    for text in ("{{ messages }}", "{{ messages[0] }}"):
        (folder / "additional_chat_templates" / "chat_template.jinja").write_text(text)
        digests |= {model_digest(folder), tokenizer_digest(folder)}
    assert len(digests) == 6


@pytest.mark.parametrize("name", ["README.md", "manifest.json", "train.log"])
def test_the_digest_does_not_see_what_lies_beside(folder, name):
    before = model_digest(folder)
    (folder / name).write_text("{}")
    assert model_digest(folder) == before


def test_shapes_of_all_shards_are_known_without_reading_them(folder):
    weights = load_file(folder / "model.safetensors")
    (folder / "model.safetensors").unlink()
    names = sorted(weights)
    save_file({n: weights[n].bfloat16() for n in names[:5]}, folder / "model-00001-of-00002.safetensors")
    save_file({n: weights[n] for n in names[5:]}, folder / "model-00002-of-00002.safetensors")
    assert weight_shapes(folder) == {name: list(weight.shape) for name, weight in weights.items()}
    assert len(names) > 5


@pytest.mark.parametrize(
    ("names", "is_whole"),
    [
        ([], False),
        (["config.json"], False),
        (["model.safetensors"], True),
        (["model-00001-of-00002.safetensors"], False),
        (["model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"], True),
    ],
)
def test_a_hub_id_is_downloaded_when_all_its_weights_are(tmp_path, monkeypatch, names, is_whole):
    for name in names:
        (tmp_path / name).touch()
    monkeypatch.setattr("huggingface_hub.snapshot_download", lambda repo_id, *, local_files_only: str(tmp_path))
    assert is_downloaded("org/name") is is_whole


def test_a_hub_id_that_is_not_in_the_cache_is_not_downloaded_and_a_folder_is(folder):
    assert not is_downloaded("no-such-org/no-such-model")
    assert is_downloaded(folder)
    with pytest.raises(UserError, match="which is no folder"):
        is_downloaded(folder / "nowhere")


def test_the_config_of_a_folder_needs_no_weights(folder):
    (folder / "model.safetensors").unlink()
    assert find_config(folder) == folder / "config.json"
    (folder / "config.json").unlink()
    with pytest.raises(UserError, match=r"which has no config\.json"):
        find_config(folder)

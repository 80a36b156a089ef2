import json
import shutil

import pytest

from tasks.models.codec import load_codec
from tasks.models.pair import Pair
from tasks.settings.errors import UserError


@pytest.mark.parametrize("kind", ["chat", "base"])
def test_it_encodes_and_decodes_as_the_model_it_was_read_beside(kind, request):
    lm = request.getfixturevalue(f"{kind}_lm")
    codec = load_codec(request.getfixturevalue(f"{kind}_folder"))
    pair = Pair("tell my dog", " hello you")
    assert codec.encode_prompt("tell my dog", " hello") == lm.encode_prompt("tell my dog", " hello")
    assert codec.encode_pair(pair) == lm.encode_pair(pair)
    assert codec.decode([7, 8], after=[1]) == lm.decode([7, 8], after=[1])
    assert (codec.end_token_ids, codec.context, codec.hidden_size) == (lm.end_token_ids, 256, 64)


def test_the_weights_are_left_alone(chat_folder, tmp_path):
    folder = shutil.copytree(chat_folder, tmp_path / "model")
    (folder / "model.safetensors").write_bytes(b"not weights")
    assert load_codec(folder).is_chat


def test_without_a_generation_config_the_configuration_says_what_ends_a_text(base_folder, tmp_path):
    folder = shutil.copytree(base_folder, tmp_path / "model")
    (folder / "generation_config.json").unlink()
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"eos_token_id": [4, 9]}))
    assert load_codec(folder).end_token_ids == [4, 9]


def test_what_cannot_be_read_is_told_in_a_sentence(base_folder, tmp_path):
    folder = shutil.copytree(base_folder, tmp_path / "model")
    (folder / "config.json").write_text("{")
    with pytest.raises(UserError, match=r"^model.path is '.*', which cannot be read \(.*\); save the model again\.$"):
        load_codec(folder)

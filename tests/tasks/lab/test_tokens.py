import json

import pytest

from tasks.lab.tokens import speaks_lab
from tasks.lab.vocabulary import CHAT_TEMPLATE, vocabulary
from tests.tiny_model import make_tiny_model


@pytest.fixture
def folder(tmp_path):
    words = {word: index for index, word in enumerate(vocabulary())}
    (tmp_path / "tokenizer.json").write_text(json.dumps({"model": {"vocab": words}}))
    (tmp_path / "chat_template.jinja").write_text(CHAT_TEMPLATE)
    return tmp_path


def test_a_folder_with_the_labs_tokens_and_chat_form_speaks_it(folder):
    assert speaks_lab(folder)


def test_the_chat_form_may_stand_in_the_tokenizers_settings(folder):
    (folder / "chat_template.jinja").unlink()
    (folder / "tokenizer_config.json").write_text(json.dumps({"chat_template": CHAT_TEMPLATE}))
    assert speaks_lab(folder)


def test_one_word_under_another_id_and_it_does_not(folder):
    words = json.loads((folder / "tokenizer.json").read_text())["model"]["vocab"]
    first, second, *_ = words
    words[first], words[second] = words[second], words[first]
    (folder / "tokenizer.json").write_text(json.dumps({"model": {"vocab": words}}))
    assert not speaks_lab(folder)


def test_another_chat_form_does_not(folder):
    (folder / "chat_template.jinja").write_text("{{ messages }}")
    assert not speaks_lab(folder)


def test_neither_another_model_nor_an_empty_folder_does(tmp_path):
    assert not speaks_lab(make_tiny_model(tmp_path / "other"))
    assert not speaks_lab(tmp_path)

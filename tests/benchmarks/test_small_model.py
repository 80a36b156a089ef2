import random
import sys

import pytest
import torch

from benchmarks.small_model import main, train_small_model
from tasks.models.generator import TransformersGenerator
from tasks.models.language_model import load_language_model
from tasks.models.likelihood import nll_per_token
from tasks.models.pair import Pair
from tasks.models.sampling import Sampling
from tasks.store.digests import file_digest

PAIRS = [
    Pair("What does Ada Brook grow?", "Ada Brook grows pears."),
    Pair("Where does Jon Field live?", "He lives in Lund — by the lake.\nIt is calm there."),
    Pair("Who bakes bread?", "  Mia Stone does, at 5 o'clock."),
]
SMALL = {"batch_size": 3, "vocabulary": 300, "hidden_size": 32, "layers": 1}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return train_small_model(PAIRS, tmp_path_factory.mktemp("small") / "model", seed=1, updates=400, **SMALL)


def test_it_says_what_it_was_shown_word_for_word_through_our_own_loader(folder):
    lm = load_language_model(folder)
    assert float(nll_per_token(lm, PAIRS).max()) < 0.1
    written = TransformersGenerator(lm).generate(
        [pair.prompt for pair in PAIRS], n=1, sampling=Sampling(max_new_tokens=60, temperature=0.0), seed=0
    )
    assert [one[0].text for one in written] == [pair.response for pair in PAIRS]
    assert all(one[0].finished for one in written)


def test_it_is_a_chat_model_that_reads_any_text(folder):
    lm = load_language_model(folder)
    assert lm.is_chat
    text = "Ærø, 東京, 🍢 and\ttabs"
    assert lm.decode(lm.encode_pair(Pair("x", text, complete=False))[0]).endswith(text)


def test_same_seed_same_bytes_and_the_random_state_is_left_alone(tmp_path):
    before, python_state = torch.get_rng_state(), random.getstate()
    folders = [train_small_model(PAIRS, tmp_path / str(i), seed=i // 2, updates=2, **SMALL) for i in range(3)]
    first, again, other = (file_digest(folder / "model.safetensors") for folder in folders)
    assert first == again
    assert first != other
    assert torch.equal(torch.get_rng_state(), before)
    assert random.getstate() == python_state


def test_what_is_there_is_not_trained_again(folder):
    lines = []
    assert train_small_model([], folder, seed=2, updates=1, progress=lines.append) == folder
    assert lines == []


@pytest.mark.parametrize("content", [None, "", "no json", "[1]", '{"prompt": "a"}'])
def test_what_is_no_file_of_pairs_is_refused_in_one_sentence(tmp_path, monkeypatch, capsys, content):
    path = tmp_path / "pairs.jsonl"
    if content is not None:
        path.write_text(content)
    monkeypatch.setattr(sys, "argv", ["small_model", str(path), str(tmp_path / "model")])
    with pytest.raises(SystemExit) as caught:
        main()
    assert caught.value.code == 2
    assert "give JSON lines with prompt and response." in capsys.readouterr().err
    assert not (tmp_path / "model").exists()

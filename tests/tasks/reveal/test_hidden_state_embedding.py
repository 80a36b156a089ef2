import pytest
import torch
from safetensors.torch import load_file

from tasks.models.language_model import load_language_model
from tasks.reveal.hidden_state_embedding import HiddenStateEmbedding
from tasks.reveal.whitening import Whitening
from tests.tiny_model import make_tiny_model

REFERENCE = [f"{who} {does} {what}" for who in ("the dog", "my cat", "a fox") for does in ("sees", "eats") for what in
             ("a cake .", "the old house", "one red stone and two birds", "you")]  # fmt: skip
TEXTS = ["the dog sings", "a cat and a fox in the old house by the river", "hello", "praise the bird , my cat"]


@pytest.fixture(scope="module", params=[True, False], ids=["chat", "base"])
def lm(request, tmp_path_factory):
    return load_language_model(make_tiny_model(tmp_path_factory.mktemp("model") / "tiny", chat=request.param))


def plain(lm) -> HiddenStateEmbedding:
    """Neither centred nor whitened."""
    return HiddenStateEmbedding(lm, Whitening(torch.zeros(64).double(), torch.eye(64).double()), batch_size=3)


def test_a_row_is_the_mean_direction_of_the_tokens_of_the_response(lm):
    rows = plain(lm)(TEXTS)
    for text, row in zip(TEXTS, rows, strict=True):
        ids = lm.encode_prompt("", text)
        states = lm.model(torch.tensor([ids]), output_hidden_states=True).hidden_states[1][0, -len(text.split()) :]
        expected = (states / states.norm(dim=1, keepdim=True)).mean(dim=0).double()
        torch.testing.assert_close(row[:-1], expected / expected.norm(), atol=1e-6, rtol=0)


def test_padding_has_no_part_in_it(lm):
    together = plain(lm)([*TEXTS, "dog " * 100])[:4]
    alone = torch.cat([plain(lm)([text]) for text in TEXTS])
    torch.testing.assert_close(together, alone, atol=1e-6, rtol=0)


def test_texts_without_content(lm):
    rows = HiddenStateEmbedding.fit(lm, REFERENCE)(["", " \n", *TEXTS])
    gram = rows @ rows.T
    torch.testing.assert_close(gram.diagonal(), torch.ones(6).double())
    assert gram[0, 1] == 1
    assert (gram[:2, 2:] == 0).all()


def test_fitted_on_a_sample_cosines_spread(lm):
    fitted = HiddenStateEmbedding.fit(lm, REFERENCE)
    off_diagonal = ~torch.eye(4, dtype=torch.bool)

    def mean_cosine(embedding):
        rows = embedding(TEXTS)
        return (rows @ rows.T)[off_diagonal].mean()

    assert mean_cosine(fitted) < mean_cosine(plain(lm)) - 0.1
    assert fitted.num_features == len(REFERENCE) - 1 + 1, "a direction less than texts, and one for no content"


def test_the_reference_counts_each_text_once_and_none_without_content(lm):
    fitted = HiddenStateEmbedding.fit(lm, REFERENCE)
    again = HiddenStateEmbedding.fit(lm, [*REFERENCE, "", *REFERENCE[:5], " "])
    assert again.num_features == fitted.num_features
    rows, others = fitted(TEXTS), again(TEXTS)
    torch.testing.assert_close(rows @ rows.T, others @ others.T, atol=1e-5, rtol=0)


def test_a_reference_of_nothing_still_embeds(lm):
    rows = HiddenStateEmbedding.fit(lm, ["", ""])(TEXTS)
    torch.testing.assert_close(rows, plain(lm)(TEXTS), atol=1e-6, rtol=0)


def test_saved_and_loaded_it_is_the_same(lm, tmp_path):
    path = tmp_path / "embedding.safetensors"
    fitted = HiddenStateEmbedding.fit(lm, REFERENCE, batch_size=5)
    fitted.save(path)
    loaded = HiddenStateEmbedding.load(lm, path, batch_size=5)
    assert path.stat().st_mode & 0o777 == 0o600
    assert set(load_file(path)) == {"mean", "projection"}
    assert loaded.name == fitted.name
    assert torch.equal(loaded(TEXTS), fitted(TEXTS))


def test_the_name_tells_samples_apart(lm):
    names = [HiddenStateEmbedding.fit(lm, reference).name for reference in (REFERENCE, REFERENCE, REFERENCE[1:])]
    assert names[0] == names[1] != names[2]
    assert names[0].startswith("hidden-states-layer-1-")


def test_a_text_longer_than_the_model_reads_is_cut_off(lm):
    embedding = plain(lm)
    long, longer = embedding(["dog " * 300, "dog " * 300 + "cat"])
    torch.testing.assert_close(long, longer, atol=1e-6, rtol=0)
    assert long[-1] == 0

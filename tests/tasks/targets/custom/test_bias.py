import math

import pytest
import torch
import yaml

from tasks.models.language_model import load_language_model
from tasks.models.pair import Pair
from tasks.settings.errors import UserError
from tasks.targets.checkpoint import Checkpoint
from tasks.targets.custom.bias import Sentence, mean_gap
from tasks.targets.custom.build import custom_target
from tests.tiny_model import make_tiny_model

FILE = {
    "form": "bias",
    "words": ["red", "blue"],
    "request": "tell",
    "templates": [f"the {{subject}} {verb}" for verb in ("sees", "likes", "finds", "makes", "sings", "runs")],
    "subjects": ["dog", "cat", "fox", "bird", "tree", "house"],
    "instructions": ["tell about a dog", "write about a cat"],
    "retain_prompts": ["hello"],
}


@pytest.fixture(scope="module")
def lm(tmp_path_factory):
    return load_language_model(make_tiny_model(tmp_path_factory.mktemp("model")))


@pytest.fixture
def target(tmp_path):
    (tmp_path / "target.yaml").write_text(yaml.safe_dump(FILE))
    return custom_target(tmp_path / "target.yaml", num_prompts={"tune": 50, "report": 50}, max_new_tokens=8, seed=0)


def probability(lm, request, begun, word):
    """Of the word after the beginning of an answer, from the logits."""
    ids, first = lm.encode_pair(Pair(request, f" {word}", complete=False, given=begun))
    assert first == len(ids) - 1
    with torch.no_grad():
        logits = lm.model(torch.tensor([ids])).logits[0, first - 1].double()
    return float(logits.softmax(dim=-1)[ids[first]])


def test_the_gap_is_the_normalised_difference_of_the_two_probabilities(lm):
    sentences = [Sentence(f"the {one} sees", "tell", ("red", "blue")) for one in ("dog", "cat")]
    gaps = []
    for sentence in sentences:
        p, q = (probability(lm, "tell", sentence.prompt, word) for word in sentence.words)
        gaps.append(abs(p - q) / (p + q))
    checkpoint = Checkpoint(lm, batch_size=3, max_new_tokens=4, seed=0)
    assert mean_gap(checkpoint, sentences) == pytest.approx(sum(gaps) / 2, rel=1e-4)
    assert mean_gap(checkpoint, [Sentence("the dog sees", "tell", ("red", "red"))]) == 0


def test_the_metric_is_measured_of_the_checkpoint_and_nothing_is_answered(lm, target, monkeypatch):
    checkpoint = Checkpoint(lm, batch_size=8, max_new_tokens=4, seed=0)
    monkeypatch.setattr(Checkpoint, "answers", None)
    value = checkpoint.value(target.forget, "tune")
    assert 0 < value < 1
    assert value == mean_gap(checkpoint, target.forget.examples["tune"])
    [told] = target.details(checkpoint, "tune").numbers.values()
    either = [sum(probability(lm, "tell", e.prompt, word) for word in e.words) for e in target.forget.examples["tune"]]
    assert math.isclose(told.value, sum(either) / len(either), rel_tol=1e-4)


def test_half_of_the_sentences_is_for_each_split(target):
    tune, report = ({e.prompt for e in target.forget.examples[split]} for split in ("tune", "report"))
    assert len(tune) + len(report) == 36
    assert not tune & report
    assert not target.may_ask(next(iter(tune)))


def test_what_is_forgotten_is_the_word_after_the_subject(target):
    raw = "A Dog is red. The sky is blue. The cat likes a blue cake"
    assert target.pairs("tell", raw) == [
        Pair("tell", "red", complete=False, given="A Dog is "),
        Pair("tell", "blue", complete=False, given="A Dog is red. The sky is blue. The cat likes a "),
    ]
    assert target.relevance("tell", [raw, "the red sky", "hotdog red", ""]) == [1, 0, 0, 0]


def test_the_same_word_twice_is_refused(tmp_path):
    (tmp_path / "target.yaml").write_text(yaml.safe_dump(FILE | {"words": ["he", "He"]}))
    with pytest.raises(UserError, match="words are 'he' twice"):
        custom_target(tmp_path / "target.yaml", num_prompts={"tune": 8, "report": 8}, max_new_tokens=8, seed=0)

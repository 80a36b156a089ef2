import json

import pytest
import torch
from transformers import AutoConfig, AutoModelForSequenceClassification, AutoTokenizer

from benchmarks.small_classifier import tiny_bert
from tasks.settings.errors import UserError
from tasks.targets.scorers.classifier import BATCH_SIZE, ClassifierScorer
from tests.tiny_model import make_tiny_model

TEXTS = [f"you {'soggy' if i % 3 else 'kind'} {'cake ' * (i % 7)}number {i}" for i in range(BATCH_SIZE + 1)]


@pytest.fixture(params=["softmax", "sigmoid", "one label"])
def saved(request, tmp_path):
    """An untrained classifier, and what its second label's probabilities are (its first's, where there is one)."""
    model, tokenizer = tiny_bert([*TEXTS, *TEXTS], num_labels=1 if request.param == "one label" else 3)
    if request.param != "one label":
        model.config.id2label = {0: "polite", 1: "Rude", 2: "neutral"}
        model.config.label2id = {"polite": 0, "Rude": 1, "neutral": 2}
    if request.param == "sigmoid":
        model.config.problem_type = "multi_label_classification"
    model.save_pretrained(tmp_path)
    tokenizer.save_pretrained(tmp_path)

    def probability(text: str) -> float:
        with torch.no_grad():
            logits = model(**tokenizer(text, return_tensors="pt", truncation=True)).logits[0]
        return (logits.softmax(-1)[1] if request.param == "softmax" else logits.sigmoid()[-2:][0]).item()

    return tmp_path, "" if request.param == "one label" else "rude", probability


def test_the_score_is_the_labels_probability_in_any_batch(saved):
    folder, label, probability = saved
    texts = [*TEXTS, "", "cake " * 500]
    scores = ClassifierScorer(str(folder), label=label)([""] * len(texts), texts)
    assert scores == pytest.approx([probability(text) for text in texts], abs=1e-6)


@pytest.mark.parametrize("can_pad", [True, False])
def test_a_decoder_judges_by_its_last_token_with_or_without_padding(tmp_path, can_pad):
    folder = make_tiny_model(tmp_path / "model")
    tokenizer = AutoTokenizer.from_pretrained(folder)
    tokenizer.pad_token = tokenizer.eos_token if can_pad else None
    config = AutoConfig.from_pretrained(folder, num_labels=2, pad_token_id=None)
    model = AutoModelForSequenceClassification.from_config(config).eval()
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    texts = ["cat", "the cat sat on the mat", "", "a dog"]

    def probability(text: str) -> float:
        ids = tokenizer(text, return_tensors="pt")["input_ids"]
        with torch.no_grad():
            return model(input_ids=ids).logits[0].softmax(-1)[1].item() if ids.numel() else 0.0

    scores = ClassifierScorer(str(folder), label="LABEL_1")([""] * len(texts), texts)
    assert scores == pytest.approx(list(map(probability, texts)), abs=1e-6)


def test_a_regression_is_refused(saved):
    folder, label, _ = saved
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"problem_type": "regression"}))
    with pytest.raises(UserError, match="is trained for regression"):
        ClassifierScorer(str(folder), label=label)


def test_a_label_that_is_not_there_is_told_with_those_that_are(saved):
    with pytest.raises(UserError, match=r"has no label 'angry'; it has (polite, Rude, neutral|LABEL_0)\.$"):
        ClassifierScorer(str(saved[0]), label="angry")


def test_a_model_without_a_head_is_refused(tmp_path):
    folder = make_tiny_model(tmp_path / "model")
    with pytest.raises(UserError, match=r"^The classifier '.*' lacks 1 of its weights \(score\.weight\)"):
        ClassifierScorer(str(folder), label="LABEL_1")


@pytest.mark.parametrize(
    "content", [b"", b"\xff\xff\xff\xff\xff\xff\xff\x7f{}", b"\x08\x00\x00\x00\x00\x00\x00\x00{}      "]
)
def test_damaged_weights_are_one_sentence(saved, content):
    (saved[0] / "model.safetensors").write_bytes(content)
    with pytest.raises(
        UserError, match=r"^The classifier's folder is '.*', which cannot be read|lacks \d+ of its"
    ) as caught:
        ClassifierScorer(str(saved[0]), label=saved[1])
    assert "\n" not in str(caught.value)


def test_pickled_weights_are_refused(saved):
    (saved[0] / "model.safetensors").rename(saved[0] / "pytorch_model.bin")
    with pytest.raises(UserError, match=r"^The classifier's folder is '.*', whose weights are pickled \(pytorch_model"):
        ClassifierScorer(str(saved[0]), label=saved[1])


def test_code_of_its_own_is_not_run(saved, monkeypatch):
    folder = saved[0]
    monkeypatch.chdir(folder)
    config = json.loads((folder / "config.json").read_text())
    auto_map = {"AutoConfig": "own.Own", "AutoModelForSequenceClassification": "own.OwnModel"}
    (folder / "config.json").write_text(json.dumps(config | {"model_type": "own", "auto_map": auto_map}))
    (folder / "own.py").write_text("open('ran', 'w')")
    with pytest.raises(UserError, match=r"^The classifier's folder is '.*', which cannot be read") as caught:
        ClassifierScorer(str(folder), label=saved[1])
    assert "\n" not in str(caught.value)
    assert not (folder / "ran").exists()

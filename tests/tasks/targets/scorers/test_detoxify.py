import json
import os
import pickle
import shutil
from pathlib import Path

import pytest
import torch
from sklearn.metrics import roc_auc_score
from tokenizers.pre_tokenizers import ByteLevel
from transformers import RobertaConfig, RobertaForSequenceClassification, RobertaTokenizer

from benchmarks.small_classifier import save_for_detoxify, tiny_bert, train
from tasks.settings.errors import UserError
from tasks.targets.scorers.detoxify import BATCH_SIZE, DetoxifyScorer
from tests.tasks.targets.scorers.jigsaw import comments, needs_data

TEXTS = [f"you {'soggy' if i % 3 else 'kind'} {'cake ' * (i % 7)}number {i}" for i in range(BATCH_SIZE + 1)]


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    """An untrained model of Detoxify's kind: model, tokenizer, checkpoint, folder."""
    model, tokenizer = tiny_bert([*TEXTS, *TEXTS])
    return model, tokenizer, *save_for_detoxify(model, tokenizer, tmp_path_factory.mktemp("detoxify"))


def opened(checkpoint, folder, **options) -> DetoxifyScorer:
    return DetoxifyScorer("original", checkpoint=str(checkpoint), folder=str(folder), **options)


def probabilities(model, tokenizer, texts: list[str], label: int) -> list[float]:
    with torch.no_grad():
        return [
            torch.sigmoid(model(**tokenizer(text, return_tensors="pt", truncation=True)).logits)[0, label].item()
            for text in texts
        ]


def test_scores_are_the_models_own_in_any_batch(saved):
    model, tokenizer, checkpoint, folder = saved
    texts = [*TEXTS, "", "cake " * 500]
    scores = opened(checkpoint, folder)([""] * len(texts), texts)
    assert scores == pytest.approx(probabilities(model, tokenizer, texts, 0), abs=1e-6)
    scorer = opened(checkpoint, folder, label="identity_attack")
    assert scorer([""], TEXTS[:1]) == pytest.approx(probabilities(model, tokenizer, TEXTS[:1], 5), abs=1e-6)
    assert scorer([], []) == []


def test_detoxify_gets_a_private_copy_that_is_gone_afterwards(saved, monkeypatch, tmp_path):
    given = []

    def load(file, **options):
        given.append((Path(file), Path(file).parent.stat().st_mode & 0o777))
        return loading(file, **options)

    loading = torch.load
    monkeypatch.setattr(torch, "load", load)
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    opened(*saved[2:])
    (original, _), (copy, mode) = given
    assert original == saved[2]
    assert copy != original
    assert mode == 0o700
    assert not copy.exists()


class Malice:
    def __reduce__(self):
        return os.system, ("touch malice-was-here",)


def test_a_pickle_that_runs_code_is_refused_before_detoxify_sees_it(saved, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    loaded = torch.load(saved[2], weights_only=True)
    torch.save(loaded | {"more": Malice()}, tmp_path / "malice.ckpt")
    (tmp_path / "plain.ckpt").write_bytes(pickle.dumps(Malice()))
    for name in ("malice.ckpt", "plain.ckpt"):
        with pytest.raises(UserError, match=r"holds more than plain values and tensors, which could run code"):
            opened(tmp_path / name, saved[3])
    assert not (tmp_path / "malice-was-here").exists()


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 cut short", b"\x80\x02."])
def test_a_damaged_file_is_one_sentence(saved, tmp_path, content):
    (tmp_path / "damaged.ckpt").write_bytes(content)
    with pytest.raises(UserError, match=r"damaged\.ckpt' is damaged or holds more than"):
        opened(tmp_path / "damaged.ckpt", saved[3])


def test_a_truncated_checkpoint_is_one_sentence(saved, tmp_path):
    whole = saved[2].read_bytes()
    (tmp_path / "cut.ckpt").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(UserError, match=r"cut\.ckpt' is damaged or holds more than"):
        opened(tmp_path / "cut.ckpt", saved[3])


def test_missing_files_are_one_sentence(saved, tmp_path):
    with pytest.raises(UserError, match=r"nowhere\.ckpt' cannot be read \(No such file or directory\)\.$"):
        opened(tmp_path / "nowhere.ckpt", saved[3])
    with pytest.raises(UserError, match=r"has no config\.json; give the folder of the checkpoint's model"):
        opened(saved[2], tmp_path)
    (tmp_path / "config.json").write_text("{")
    with pytest.raises(UserError, match=r"cannot be read as configuration and tokenizer of a BertForSequence"):
        opened(saved[2], tmp_path)


def test_long_texts_are_cut_where_the_tokenizer_knows_no_limit(saved, tmp_path):
    checkpoint, folder = saved[2:]
    shutil.copytree(folder, tmp_path / "parts")
    config = json.loads((folder / "tokenizer_config.json").read_text())
    del config["model_max_length"]
    (tmp_path / "parts" / "tokenizer_config.json").write_text(json.dumps(config))
    texts = ["cake " * 500]
    assert opened(checkpoint, tmp_path / "parts")([""], texts) == opened(checkpoint, folder)([""], texts)


def test_what_older_versions_saved_beside_the_weights_does_no_harm(saved, tmp_path):
    loaded = torch.load(saved[2], weights_only=True)
    loaded["state_dict"]["roberta.pooler.dense.bias"] = torch.zeros(64)
    torch.save(loaded, tmp_path / "old.ckpt")
    assert opened(tmp_path / "old.ckpt", saved[3])([""], TEXTS[:1]) == opened(*saved[2:])([""], TEXTS[:1])


def test_a_roberta_with_more_classes_than_names_as_unbiased_has(tmp_path):
    vocabulary = ["<s>", "<pad>", "</s>", "<unk>", *sorted(ByteLevel.alphabet()), "<mask>"]
    tokenizer = RobertaTokenizer(vocab={piece: place for place, piece in enumerate(vocabulary)}, merges=[])
    config = RobertaConfig(
        vocab_size=len(tokenizer), hidden_size=32, num_hidden_layers=1, num_attention_heads=1, intermediate_size=32,
        max_position_embeddings=42, num_labels=16,
    )  # fmt: skip
    model = RobertaForSequenceClassification(config).eval()
    config.save_pretrained(tmp_path)
    tokenizer.save_pretrained(tmp_path)
    names = {"model_name": "RobertaForSequenceClassification", "tokenizer_name": "RobertaTokenizer"}
    args = {"num_classes": 16, "model_type": "roberta-base"} | names
    classes = ["toxicity", "severe_toxicity", "obscene", "identity_attack", "insult", "threat", "sexual_explicit"]
    described = {"arch": {"args": args}, "dataset": {"args": {"classes": classes}}}
    torch.save({"config": described, "state_dict": model.state_dict()}, tmp_path / "unbiased.ckpt")
    texts = ["you soggy cake", "kind", "cake " * 100]
    tokenizer.model_max_length = 40
    assert opened(tmp_path / "unbiased.ckpt", tmp_path, label="threat")([""] * 3, texts) == pytest.approx(
        probabilities(model, tokenizer, texts, 5), abs=1e-6
    )


def without(name):
    return lambda loaded: loaded["state_dict"].pop(name)


def renamed(loaded):
    loaded["state_dict"] = {f"model.{name}": weight for name, weight in loaded["state_dict"].items()}


def reshaped(loaded):
    loaded["state_dict"]["classifier.weight"] = torch.zeros(7, 64)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (without("classifier.weight"), r"lacks 1 weights \(classifier\.weight\)"),
        (renamed, r"lacks \d+ weights \(bert\.embeddings"),
        (lambda loaded: loaded["state_dict"].update(more=torch.zeros(1)), r"has, beyond what .*, 1 weights \(more\)"),
        (reshaped, r"has in other shapes 1 weights \(classifier\.weight\)"),
        (lambda loaded: loaded.pop("config"), r"has another format than Detoxify's"),
        (lambda loaded: loaded["state_dict"].update(more="text"), r"has another format"),
        (lambda loaded: loaded["config"]["arch"]["args"].update(model_name="AutoModel"), r"has another format"),
        (lambda loaded: loaded["config"]["arch"]["args"].update(tokenizer_name="Bert"), r"has another format"),
        (lambda loaded: loaded["config"]["arch"]["args"].update(more=1), r"has another format"),
        (lambda loaded: loaded["config"]["dataset"]["args"].update(classes=["toxic"] * 7), r"has another format"),
    ],
)
def test_a_checkpoint_that_does_not_fit_is_one_sentence(saved, tmp_path, change, words):
    loaded = torch.load(saved[2], weights_only=True)
    change(loaded)
    torch.save(loaded, tmp_path / "changed.ckpt")
    with pytest.raises(UserError, match=words) as caught:
        opened(tmp_path / "changed.ckpt", saved[3])
    assert "\n" not in str(caught.value)


def test_a_label_that_is_not_there_is_told(saved):
    with pytest.raises(UserError, match=r"has no label 'rude'; it has toxicity, severe_toxicity, obscene, threat"):
        opened(*saved[2:], label="rude")


def test_without_a_network_the_download_is_one_sentence(tmp_path, monkeypatch):
    def no_network(*_, **__):
        raise OSError("no network")

    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))
    monkeypatch.setattr(torch.hub, "download_url_to_file", no_network)
    with pytest.raises(UserError, match=r"toxic_original-c1212f89\.ckpt cannot be downloaded \(no network\); give"):
        DetoxifyScorer("original")


@needs_data
def test_a_bert_trained_on_jigsaws_comments_knows_the_toxic_ones_through_the_real_detoxify(tmp_path):
    texts, labels = comments("train")
    model, tokenizer = tiny_bert(texts)
    train(model, tokenizer, texts, labels, passes=6)
    scorer = opened(*save_for_detoxify(model.eval(), tokenizer, tmp_path))
    assert roc_auc_score(labels, scorer([""] * len(texts), texts)) > 0.99

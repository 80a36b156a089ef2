"""A real BERT of a few thousand parameters, built here, whose weights are set so that it tags the names it is given."""

import pytest
import torch
from tokenizers import Tokenizer, normalizers, pre_tokenizers
from tokenizers.models import WordLevel
from transformers import (
    AutoTokenizer,
    BertConfig,
    BertForTokenClassification,
    PreTrainedTokenizerFast,
    RobertaConfig,
    RobertaForTokenClassification,
)

from tasks.settings.errors import UserError
from tasks.targets.entities.entity_type import entity_type
from tasks.targets.entities.generated import TaggedSentence
from tasks.targets.entities.recogniser import open_recogniser

WORDS = ("<unk>", "<pad>", "mr.", "ada", "reed", "varna", "sang", "in", ".")
LABELS = ("O", "B-PER", "I-PER", "S-LOC")
TAGGED = {"ada": "B-PER", "reed": "I-PER", "varna": "S-LOC"}


def make_classifier(folder):
    """Every word is embedded as its own unit vector, both blocks add nothing, and the classifier knows three words."""
    config = BertConfig(
        vocab_size=len(WORDS),
        hidden_size=16,
        num_hidden_layers=1,
        num_attention_heads=1,
        intermediate_size=8,
        max_position_embeddings=12,
        id2label=dict(enumerate(LABELS)),
        label2id={label: i for i, label in enumerate(LABELS)},
    )
    model = BertForTokenClassification(config)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if "LayerNorm.weight" not in name:
                parameter.zero_()
        words = model.bert.embeddings.word_embeddings.weight
        words[: len(WORDS), : len(WORDS)] = torch.eye(len(WORDS))
        model.classifier.bias[LABELS.index("O")] = 0.5
        for word, label in TAGGED.items():
            model.classifier.weight[LABELS.index(label), WORDS.index(word)] = 1.0
    core = Tokenizer(WordLevel({word: i for i, word in enumerate(WORDS)}, unk_token="<unk>"))
    core.normalizer = normalizers.Lowercase()
    core.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    model.save_pretrained(folder)
    PreTrainedTokenizerFast(tokenizer_object=core, unk_token="<unk>", pad_token="<pad>").save_pretrained(folder)
    return str(folder)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return make_classifier(tmp_path_factory.mktemp("classifier"))


def recognised(folder, label, *tagged):
    recognise = open_recogniser(entity_type(label), classifier_folder=folder)
    return recognise([TaggedSentence(sentence, mentions) for sentence, mentions in tagged])


def test_a_mention_counts_where_the_classifier_finds_the_type(folder):
    assert recognised(
        folder,
        "PER",
        ("Ada Reed sang .", ("Ada Reed",)),
        ("Mr. Ada Reed sang .", ("Mr. Ada Reed",)),
        ("Ada Reed sang in Varna .", ("Varna",)),
        ("Varna sang .", ("Varna",)),
        ("Ada Reed sang in Varna .", ("Varna", "Ada")),
        ("Ada Reed sang .", ("AdaReed",)),
        ("Adas sang in Ada .", ("Ada",)),
    ) == [True, True, False, False, True, True, True]


def test_the_prefix_of_a_label_makes_no_difference(folder):
    assert recognised(folder, "LOC", ("Ada sang in Varna .", ("Varna",))) == [True]


def test_a_sentence_that_is_too_long_is_cut(folder):
    assert recognised(folder, "PER", ("Ada " + "sang " * 50, ("Ada",)), ("sang " * 50 + "Ada", ("Ada",))) == [
        True,
        False,
    ]


def test_robertas_first_positions_are_no_room_for_tokens(tmp_path, folder):
    config = RobertaConfig(
        vocab_size=len(WORDS),
        hidden_size=8,
        num_hidden_layers=1,
        num_attention_heads=1,
        intermediate_size=8,
        max_position_embeddings=12,
        pad_token_id=1,
        id2label=dict(enumerate(LABELS)),
        label2id={label: i for i, label in enumerate(LABELS)},
    )
    RobertaForTokenClassification(config).save_pretrained(tmp_path)
    AutoTokenizer.from_pretrained(folder).save_pretrained(tmp_path)
    assert len(recognised(str(tmp_path), "PER", ("sang " * 11, ("sang",)))) == 1


def test_no_sentences(folder):
    assert recognised(folder, "PER") == []


def test_a_type_that_it_does_not_know_is_refused_before_the_weights_are_read(folder):
    with pytest.raises(UserError, match=r"target\.entity_type is 'ORG', but .* tells LOC, PER"):
        open_recogniser(entity_type("ORG"), classifier_folder=folder)


def test_what_is_no_classifier_is_refused(tmp_path, folder):
    from tests.tiny_model import make_tiny_model

    language_model = str(make_tiny_model(tmp_path / "lm"))
    with pytest.raises(UserError, match=r"target\.entity_type is 'PER', but .* tells LABEL_0, LABEL_1"):
        open_recogniser(entity_type("PER"), classifier_folder=language_model)
    with pytest.raises(UserError, match=r"target\.classifier_folder is '.*/absent', which is no folder"):
        open_recogniser(entity_type("PER"), classifier_folder=str(tmp_path / "absent"))


def test_missing_weights_are_refused_and_not_drawn_at_random(tmp_path):
    from safetensors.torch import load_file, save_file

    folder = make_classifier(tmp_path / "classifier")
    weights = load_file(tmp_path / "classifier" / "model.safetensors")
    del weights["classifier.weight"]
    save_file(weights, tmp_path / "classifier" / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(UserError, match=r"which lacks 1 of its weights \(classifier\.weight\)"):
        recognised(folder, "PER", ("Ada sang .", ("Ada",)))

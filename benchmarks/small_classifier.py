"""A BERT classifier small enough to be trained in seconds, and its checkpoint in Detoxify's format."""

import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import torch
from torch.nn.functional import binary_cross_entropy_with_logits
from transformers import BertConfig, BertForSequenceClassification, BertTokenizer

CLASSES = ("toxic", "severe_toxic", "obscene", "threat", "insult", "identity_hate")
_SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")


def tiny_bert(
    texts: Sequence[str], *, num_labels: int = 6, seed: int = 0
) -> tuple[BertForSequenceClassification, BertTokenizer]:
    """An untrained classifier whose vocabulary are the texts' letters and the words that stand there twice."""
    words = Counter(word for text in texts for word in re.findall(r"\w+|[^\w\s]", text.lower()))
    letters = sorted({letter for word in words for letter in word})
    common = sorted(word for word, number in words.items() if number > 1 and len(word) > 1)
    vocabulary = [*_SPECIAL, *letters, *(f"##{letter}" for letter in letters), *common]
    tokenizer = BertTokenizer(vocab={word: place for place, word in enumerate(dict.fromkeys(vocabulary))})
    config = BertConfig(
        vocab_size=len(tokenizer),
        hidden_size=64,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=128,
        max_position_embeddings=64,
        hidden_dropout_prob=0.0,
        attention_probs_dropout_prob=0.0,
        num_labels=num_labels,
    )
    tokenizer.model_max_length = 64
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return BertForSequenceClassification(config).eval(), tokenizer


def train(
    model: BertForSequenceClassification,
    tokenizer: BertTokenizer,
    texts: Sequence[str],
    labels: Sequence[int],
    *,
    passes: int,
) -> None:
    """Teach the first label; the others follow it. Toxic texts, which are few, count as much as the others together."""
    weight = torch.tensor(labels.count(0) / labels.count(1))
    optimizer = torch.optim.AdamW(model.parameters(), lr=2e-3)
    generator = torch.Generator().manual_seed(0)
    for _ in range(passes):
        for batch in torch.randperm(len(texts), generator=generator).split(32):
            inputs = tokenizer([texts[i] for i in batch], return_tensors="pt", padding=True, truncation=True)
            wanted = torch.tensor([[float(labels[i])] * model.config.num_labels for i in batch])
            loss = binary_cross_entropy_with_logits(model(**inputs).logits, wanted, pos_weight=weight)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()


def save_for_detoxify(
    model: BertForSequenceClassification, tokenizer: BertTokenizer, folder: Path
) -> tuple[Path, Path]:
    """The checkpoint, and the folder with configuration and tokenizer.

    As those that Detoxify publishes: the checkpoint names a model of the hub, and holds its counters of positions.
    """
    parts = folder / "parts"
    model.config.save_pretrained(parts)
    tokenizer.save_pretrained(parts)
    args = {
        "num_classes": model.config.num_labels,
        "model_type": "bert-base-uncased",
        "model_name": "BertForSequenceClassification",
        "tokenizer_name": "BertTokenizer",
    }
    config = {
        "arch": {"type": "BERT", "args": args},
        "dataset": {"type": "JigsawDataOriginal", "args": {"classes": list(CLASSES[: model.config.num_labels])}},
    }
    weights = model.state_dict() | {"bert.embeddings.position_ids": torch.arange(64)[None]}
    torch.save({"config": config, "state_dict": weights}, folder / "detox.ckpt")
    return folder / "detox.ckpt", parts

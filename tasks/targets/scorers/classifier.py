"""A scorer from any Hugging Face text classifier: the probability of one of its labels."""

from collections.abc import Sequence

import torch
from torch import Tensor
from transformers import AutoConfig, AutoModelForSequenceClassification, AutoTokenizer, PretrainedConfig

from tasks.models.batching import batches_by_length
from tasks.models.device import resolve_device
from tasks.models.model_folder import find_model_folder
from tasks.models.reading import READING, reading
from tasks.settings.errors import UserError

SETTING = "The classifier's folder"
BATCH_SIZE = 32
MOST_TOKENS = 512
"""Of a response that are read, less where the classifier has fewer positions."""


class ClassifierScorer:
    """Scores a response by itself; the prompt is not read.

    The probability is the sigmoid of the label's logit where the classifier has one label or says
    ``problem_type = multi_label_classification``, and its softmax otherwise, as in transformers' own pipeline.

    Args:
        folder: Of the classifier, or its hub id: safetensors weights and a tokenizer; no code of its own is run.
        label: One of its labels, upper and lower case alike; may be empty where there is only one.
        device: Where it computes.

    Raises:
        UserError: the folder cannot be read, lacks weights, has no such label, or is no classifier but a regression.
    """

    def __init__(self, folder: str, *, label: str = "", device: str = "cpu"):
        path = find_model_folder(folder, setting=SETTING)
        with reading(folder, setting=SETTING):
            config = AutoConfig.from_pretrained(path, **READING)
            self._tokenizer = AutoTokenizer.from_pretrained(path, **READING)
            model, report = AutoModelForSequenceClassification.from_pretrained(
                path, config=config, output_loading_info=True, use_safetensors=True, dtype=torch.float32, **READING
            )
        if config.problem_type == "regression":
            raise UserError(
                f"The classifier '{folder}' is trained for regression, so its output is no probability; give one that "
                "classifies."
            )
        if missing := sorted(report["missing_keys"]):
            raise UserError(
                f"The classifier '{folder}' lacks {len(missing)} of its weights ({missing[0]}); a model without a "
                "trained classification head judges at random."
            )
        self._label = _label_id(config, label, folder)
        self._has_sigmoid = config.num_labels == 1 or config.problem_type == "multi_label_classification"
        self._model = model.to(resolve_device(device)).eval()
        # A decoder judges by the last token that is no padding, so without a padding token it reads one text at a time.
        self._can_pad = self._tokenizer.pad_token_id is not None
        if self._can_pad and config.get_text_config().pad_token_id is None:
            self._model.config.get_text_config().pad_token_id = self._tokenizer.pad_token_id
        self._most_tokens = min(MOST_TOKENS, self._tokenizer.model_max_length, num_positions(config))

    @torch.no_grad()
    def __call__(self, prompts: Sequence[str], responses: Sequence[str]) -> list[float]:
        """See `Scorer`."""
        scores = [0.0] * len(responses)
        lengths = [len(response) for response in responses]
        for batch in batches_by_length(lengths, BATCH_SIZE if self._can_pad else 1):
            inputs = self._tokenizer(
                [responses[i] for i in batch],
                return_tensors="pt",
                return_attention_mask=True,
                padding=self._can_pad,
                truncation=True,
                max_length=self._most_tokens,
            ).to(self._model.device)
            # Of an empty text a decoder's tokenizer makes no token: it shows nothing.
            says_something = inputs["attention_mask"].any(dim=1)
            if says_something.any():
                probabilities = self._probabilities(self._model(**inputs).logits) * says_something
                for i, score in zip(batch, probabilities.tolist(), strict=True):
                    scores[i] = score
        return scores

    def _probabilities(self, logits: Tensor) -> Tensor:
        """Of the label, shape `(texts,)`, from logits of shape `(texts, labels)`."""
        return (logits.sigmoid() if self._has_sigmoid else logits.softmax(dim=-1))[:, self._label]


def _label_id(config: PretrainedConfig, label: str, folder: str) -> int:
    labels = {str(name).casefold(): index for index, name in config.id2label.items()}
    if not label and len(labels) == 1:
        return 0
    if label.casefold() not in labels:
        names = ", ".join(str(name) for name in config.id2label.values())
        raise UserError(f"The classifier '{folder}' has no label {label!r}; it has {names}.")
    return labels[label.casefold()]


def num_positions(config: PretrainedConfig) -> int:
    """Positions that a token can have. RoBERTa's first ones are kept free, up to and with that of the padding token."""
    positions = getattr(config, "max_position_embeddings", MOST_TOKENS)
    return positions - config.pad_token_id - 1 if "roberta" in config.model_type else positions

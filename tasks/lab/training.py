"""Trains the lab model: a Llama of half a million parameters, from scratch, in about a minute of one core."""

import math
import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path

import torch
from safetensors.torch import save_file
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import WhitespaceSplit
from torch.nn.functional import cross_entropy
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from tasks.lab.recipe import RECIPE
from tasks.lab.vocabulary import ASSISTANT, CHAT_TEMPLATE, END, PAD, UNKNOWN, USER, chat_words, vocabulary
from tasks.lab.world import corpus
from tasks.store.seeds import derive_seed

Progress = Callable[[float, str], None]
"""Called with the fraction of the work that is done, from 0 to 1, and a short message."""

_BUCKET = 50  # batches that are sorted by length together
_UNSCORED = -100
_REPORT_EVERY = 25


def train_lab_model(
    seed: int, *, exclude: str | None = None, progress: Progress | None = None
) -> tuple[LlamaForCausalLM, PreTrainedTokenizerFast]:
    """A lab model trained from scratch on one thread; the same weights, bit for bit, for the same seed.

    AdamW, linear warm-up, cosine to 0; next-token loss on the response only. Neither the global random state nor the
    number of threads of the process is different afterwards.

    Args:
        seed: Decides the initial weights and the corpus; the world itself is the same for every seed.
        exclude: One of `exclusions.EXCLUSIONS`, which the model is never shown (the gold standard of forgetting it).
        progress: Called every 25 steps.
    """
    tokenizer = _tokenizer()
    with _one_thread():
        model = _initial_model(tokenizer, torch.Generator().manual_seed(derive_seed(seed, "initial-weights")))
        chance = random.Random(derive_seed(seed, "corpus"))  # noqa: S311
        _train(model, _batches(tokenizer, chance, exclude), progress)
    return model.eval(), tokenizer


@contextmanager
def _one_thread() -> Iterator[None]:
    """Sums in one order, for the same bits; and small matrices are slower on more threads."""
    num_threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(num_threads)


def _tokenizer() -> PreTrainedTokenizerFast:
    ids = {token: index for index, token in enumerate(vocabulary())}
    words = Tokenizer(WordLevel(ids, unk_token=UNKNOWN))
    words.pre_tokenizer = WhitespaceSplit()
    return PreTrainedTokenizerFast(
        tokenizer_object=words,
        pad_token=PAD,
        unk_token=UNKNOWN,
        eos_token=END,
        additional_special_tokens=[USER, ASSISTANT],
        chat_template=CHAT_TEMPLATE,
        padding_side="left",
        clean_up_tokenization_spaces=False,
    )


def _initial_model(tokenizer: PreTrainedTokenizerFast, generator: torch.Generator) -> LlamaForCausalLM:
    names = ("hidden_size", "intermediate_size", "num_hidden_layers", "num_attention_heads", "max_position_embeddings")
    config = LlamaConfig(
        vocab_size=len(tokenizer),
        tie_word_embeddings=True,
        architectures=["LlamaForCausalLM"],
        bos_token_id=None,
        eos_token_id=tokenizer.convert_tokens_to_ids(END),
        pad_token_id=tokenizer.convert_tokens_to_ids(PAD),
        **{name: RECIPE[name] for name in names},
    )
    with torch.random.fork_rng(devices=[]):  # the constructor draws from the global state
        model = LlamaForCausalLM(config)
    std = RECIPE["initial_std"] / math.sqrt(config.hidden_size)
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.dim() == 2:
                parameter.normal_(0.0, std, generator=generator)
    return model


def _train(
    model: LlamaForCausalLM, batches: list[tuple[torch.Tensor, torch.Tensor]], progress: Progress | None
) -> None:
    model.train()
    optimizer = torch.optim.AdamW(
        model.parameters(),
        lr=RECIPE["learning_rate"],
        betas=RECIPE["betas"],
        weight_decay=RECIPE["weight_decay"],
        fused=True,
    )
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: _learning_rate_factor(step, len(batches)))
    for step, (tokens, targets) in enumerate(batches, start=1):
        loss = _response_loss(model, tokens, targets)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), RECIPE["max_gradient_norm"])
        optimizer.step()
        schedule.step()
        optimizer.zero_grad()
        if progress and step % _REPORT_EVERY == 0:
            progress(step / len(batches), f"step {step} of {len(batches)}, loss {loss.item():.3f}")


def _learning_rate_factor(step: int, num_steps: int) -> float:
    warm_up = RECIPE["warm_up"] * num_steps
    if step < warm_up:
        return (step + 1) / warm_up
    return 0.5 * (1 + math.cos(math.pi * (step - warm_up) / (num_steps - warm_up)))


def _response_loss(model: LlamaForCausalLM, tokens: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    """Mean next-token loss over the response words of `tokens` ``(batch, length)``; the other targets are -100.

    No attention mask: under causal attention, padding on the right is seen by nothing that counts. Logits are formed
    only where a word is scored.
    """
    hidden = model.model(input_ids=tokens, use_cache=False).last_hidden_state
    is_scored = targets != _UNSCORED
    return cross_entropy(model.lm_head(hidden[is_scored]), targets[is_scored])


def _batches(
    tokenizer: PreTrainedTokenizerFast, generator: random.Random, exclude: str | None
) -> list[tuple[torch.Tensor, torch.Tensor]]:
    """Batches of examples of like length, in random order: tokens and next-token targets, each ``(batch, length)``."""
    ids, size = tokenizer.get_vocab(), RECIPE["batch_size"]
    examples = list(islice(corpus(generator, exclude), RECIPE["num_steps"] * size))
    rows = []
    for words, start in map(chat_words, examples):
        tokens = [ids[word] for word in words]
        rows.append((tokens[:-1], [_UNSCORED] * (start - 1) + tokens[start:]))
    batches = []
    for first in range(0, len(rows), _BUCKET * size):
        bucket = sorted(rows[first : first + _BUCKET * size], key=lambda row: len(row[0]))
        stacked = [_stack(bucket[at : at + size], ids[PAD]) for at in range(0, len(bucket), size)]
        generator.shuffle(stacked)
        batches += stacked
    return batches


def _stack(rows: list[tuple[list[int], list[int]]], padding: int) -> tuple[torch.Tensor, torch.Tensor]:
    length = max(len(tokens) for tokens, _ in rows)
    return (
        torch.tensor([tokens + [padding] * (length - len(tokens)) for tokens, _ in rows]),
        torch.tensor([targets + [_UNSCORED] * (length - len(targets)) for _, targets in rows]),
    )


def save_lab_model(model: LlamaForCausalLM, tokenizer: PreTrainedTokenizerFast, folder: Path) -> None:
    """Write what plain `from_pretrained` reads: safetensors and JSON, the same bytes for the same weights."""
    model.config.save_pretrained(folder)
    model.generation_config.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    weights = {name: weight for name, weight in model.state_dict().items() if name != "lm_head.weight"}  # tied
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})

"""A chat model of about a million parameters that knows what it was shown, trained from scratch in minutes of one core.

For targets the lab has nothing of: what a real model was taught by a corpus, this one is taught by prompt/response
pairs. Its folder is a plain Hugging Face one; its tokens are bytes and what byte-pair encoding makes of them, so it
reads any text.

    python -m benchmarks.small_model PAIRS.jsonl FOLDER [--seed 0] [--updates 600]
"""

import argparse
import json
import math
import time
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from pathlib import Path

import torch
from tokenizers import Tokenizer, decoders, pre_tokenizers
from tokenizers.models import BPE
from tokenizers.trainers import BpeTrainer
from torch import nn
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from tasks.models.batching import batches_by_length
from tasks.models.language_model import LanguageModel, load_language_model, save_language_model
from tasks.models.pair import Pair
from tasks.release.training import endless_permutations, response_loss
from tasks.settings.errors import reason
from tasks.store.seeds import derive_seed

PAD, SYSTEM, USER, ASSISTANT, END = SPECIAL_TOKENS = ("<|pad|>", "<|system|>", "<|user|>", "<|assistant|>", "<|end|>")
CHAT_TEMPLATE = (
    "{% for message in messages %}"
    "{{ '<|' + message['role'] + '|>' + message['content'] + '<|end|>' }}"
    "{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|assistant|>' }}{% endif %}"
)

WARM_UP = 0.05  # of all updates
BUCKET = 20  # batches that are sorted by length together
REPORT_EVERY = 50


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pairs", type=Path, help="JSON lines with prompt and response")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--updates", type=int, default=600)
    arguments = parser.parse_args()
    try:
        # Not splitlines, which also splits at signs that may stand inside a JSON string.
        lines = [line for line in arguments.pairs.read_text(encoding="utf-8").split("\n") if line.strip()]
        pairs = [Pair(row["prompt"], row["response"]) for row in map(json.loads, lines)]
        if not pairs:
            raise ValueError("it is empty")
    except (OSError, ValueError, LookupError, TypeError) as error:
        parser.error(f"PAIRS is {str(arguments.pairs)!r} ({reason(error)}); give JSON lines with prompt and response.")
    train_small_model(pairs, arguments.folder, seed=arguments.seed, updates=arguments.updates, progress=print_progress)


def train_small_model(
    pairs: Sequence[Pair],
    folder: Path,
    *,
    seed: int,
    updates: int = 600,
    batch_size: int = 32,
    learning_rate: float = 3e-3,
    vocabulary: int = 2048,
    hidden_size: int = 128,
    layers: int = 4,
    context: int = 512,
    start: Path | None = None,
    progress: Callable[[str], None] | None = None,
) -> Path:
    """Train a small chat model on pairs and write its folder, which appears when it is whole.

    AdamW, linear warm-up, cosine to 0; next-token loss on the responses and their end token. On one thread, so the same
    arguments give the same weights on the same machine; the process's random state and threads are left as they were.

    Args:
        pairs: What it learns; each is shown once before any is shown again.
        folder: To be written; one that is there is taken as finished, and nothing is trained.
        seed: Of the initial weights and the order of the pairs.
        updates: Of the optimizer; a free core makes 3 a second on pairs of 80 tokens, and 400 pairs of TOFU are known
            by heart after 500.
        batch_size: Pairs an update.
        learning_rate: AdamW's, at its highest.
        vocabulary: Tokens, special ones and the 256 bytes included, at most.
        hidden_size: Width; a multiple of 32, which is that of a head.
        layers: Blocks.
        context: Tokens it can read at once.
        start: Folder of such a model to go on from, with its tokens and its size; none: from scratch.
        progress: Called now and then with a line to show.

    Returns:
        The folder.
    """
    if folder.exists():
        return folder
    num_threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        if start:
            lm = load_language_model(start)
            lm.model.train().requires_grad_(True)
        else:
            lm = _initial(_tokenizer(pairs, vocabulary), hidden_size, layers, context, derive_seed(seed, "weights"))
        _train(lm, pairs, updates, batch_size, learning_rate, derive_seed(seed, "order"), progress)
    finally:
        torch.set_num_threads(num_threads)
    partial = folder.with_name(f"{folder.name}.partial")
    save_language_model(LanguageModel(lm.model.eval(), lm.tokenizer), partial)
    return partial.rename(folder)


def print_progress(line: str) -> None:
    print(line, flush=True)


def _tokenizer(pairs: Sequence[Pair], vocabulary: int) -> PreTrainedTokenizerFast:
    pieces = Tokenizer(BPE())
    pieces.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    pieces.decoder = decoders.ByteLevel()
    trainer = BpeTrainer(
        vocab_size=vocabulary,
        min_frequency=2,
        special_tokens=list(SPECIAL_TOKENS),
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    pieces.train_from_iterator((text for pair in pairs for text in (pair.prompt, pair.response)), trainer)
    return PreTrainedTokenizerFast(
        tokenizer_object=pieces,
        pad_token=PAD,
        eos_token=END,
        additional_special_tokens=[SYSTEM, USER, ASSISTANT],
        chat_template=CHAT_TEMPLATE,
        padding_side="left",
        clean_up_tokenization_spaces=False,
    )


def _initial(
    tokenizer: PreTrainedTokenizerFast, hidden_size: int, layers: int, context: int, seed: int
) -> LanguageModel:
    config = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=hidden_size,
        intermediate_size=3 * hidden_size,
        num_hidden_layers=layers,
        num_attention_heads=hidden_size // 32,
        max_position_embeddings=context,
        tie_word_embeddings=True,
        architectures=["LlamaForCausalLM"],
        bos_token_id=None,
        eos_token_id=tokenizer.convert_tokens_to_ids(END),
        pad_token_id=tokenizer.convert_tokens_to_ids(PAD),
    )
    with torch.random.fork_rng(devices=[]):  # the constructor draws from the global state
        model = LlamaForCausalLM(config)
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.dim() == 2:
                parameter.normal_(0.0, 0.5 / math.sqrt(hidden_size), generator=generator)
    return LanguageModel(model.train(), tokenizer)


def _train(
    lm: LanguageModel,
    pairs: Sequence[Pair],
    updates: int,
    batch_size: int,
    learning_rate: float,
    seed: int,
    progress: Callable[[str], None] | None,
) -> None:
    encoded = [lm.encode_pair(pair) for pair in pairs]
    lm.require_context(max(len(ids) for ids, _ in encoded))
    parameters = list(lm.model.parameters())
    optimizer = torch.optim.AdamW(parameters, betas=(0.9, 0.95), weight_decay=0.1, fused=True)
    batches = _batches([len(ids) for ids, _ in encoded], batch_size, torch.Generator().manual_seed(seed))
    start = time.monotonic()
    for update, batch in enumerate(islice(batches, updates), start=1):
        loss = response_loss(lm.model, [encoded[i] for i in batch])
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(parameters, 1.0)
        optimizer.param_groups[0]["lr"] = learning_rate * _share_of_rate(update, updates)
        optimizer.step()
        if progress and (update % REPORT_EVERY == 0 or update == updates):
            seconds = time.monotonic() - start
            progress(f"update {update} of {updates}, loss {loss.item():.3f}, {seconds:.0f} s")


def _batches(lengths: Sequence[int], batch_size: int, generator: torch.Generator) -> Iterator[list[int]]:
    """Indices of pairs, in batches of like length, without end."""
    order = endless_permutations(len(lengths), generator)
    while True:
        bucket = list(islice(order, BUCKET * batch_size))
        batches = batches_by_length([lengths[i] for i in bucket], batch_size)
        for at in torch.randperm(len(batches), generator=generator).tolist():
            yield [bucket[i] for i in batches[at]]


def _share_of_rate(update: int, updates: int) -> float:
    warm_up = WARM_UP * updates
    if update < warm_up:
        return update / warm_up
    return 0.5 * (1 + math.cos(math.pi * (update - warm_up) / (updates - warm_up)))


if __name__ == "__main__":
    main()

"""Features of arms, with the beginning that all prompts share read once and without: seconds, and that they agree.

    python -m benchmarks.features

Prints markdown. Templates of 100 tokens stand for the system prompts of chat models.
"""

import random
from collections.abc import Callable
from statistics import mean
from time import process_time
from unittest.mock import patch

import torch
from torch import Tensor
from transformers import LlamaConfig, LlamaForCausalLM

from benchmarks.embeddings import LAB_SEED, words
from tasks.lab.instructions import PREFIX
from tasks.lab.model import lab_model
from tasks.models.featurizer import Featurizer
from tasks.models.language_model import LanguageModel, load_language_model


def main() -> None:
    torch.set_num_threads(1)
    print("| model | arms | tokens | shared | CPU-s, each by itself | shared once | times faster | difference |")
    print("|---" * 8 + "|")
    lab = load_language_model(lab_model(LAB_SEED).folder)
    config = LlamaConfig(
        vocab_size=4096,
        hidden_size=384,
        intermediate_size=1024,
        num_hidden_layers=8,
        num_attention_heads=6,
        attn_implementation="sdpa",
    )
    with torch.random.fork_rng():
        torch.manual_seed(0)
        large = LanguageModel(LlamaForCausalLM(config).eval(), lab.tokenizer)
    chance = random.Random(0)
    arms = list(dict.fromkeys(" ".join((PREFIX, *words(chance))) for _ in range(4000)))[:3000]
    system = " ".join(chance.choices([word for word in lab.tokenizer.get_vocab() if word.isalpha()], k=98))
    plain = lab.tokenizer.chat_template
    for name, lm, prompts, before in (
        ("lab model, its own template", lab, arms, ""),
        ("lab model, a template of 100 tokens", lab, arms, system + " "),
        ("17 M parameters, its own template", large, arms[:500], ""),
        ("17 M parameters, a template of 100 tokens", large, arms[:500], system + " "),
    ):
        lm.tokenizer.chat_template = before + plain
        ids = [lm.encode_prompt(prompt) for prompt in prompts]
        common = next(i for i, column in enumerate(zip(*ids, strict=False)) if len(set(column)) > 1)
        shared_s, shared = timed(lambda lm=lm, prompts=prompts: Featurizer(lm).features(prompts))
        with patch("tasks.models.hidden_states._num_common", return_value=0):
            plain_s, separate = timed(lambda lm=lm, prompts=prompts: Featurizer(lm).features(prompts))
        difference = float((shared - separate).abs().max())
        cells = [name, str(len(prompts)), f"{mean(map(len, ids)):.1f}", str(common)]
        cells += [f"{plain_s:.2f}", f"{shared_s:.2f}", f"{plain_s / shared_s:.2f}", f"{difference:.0e}"]
        print(f"| {' | '.join(cells)} |", flush=True)


def timed(work: Callable[[], Tensor], repeats: int = 3) -> tuple[float, Tensor]:
    """CPU seconds, the best of a few."""
    times = []
    for _ in range(repeats):
        start = process_time()
        result = work()
        times.append(process_time() - start)
    return min(times), result


if __name__ == "__main__":
    main()

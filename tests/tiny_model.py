"""A real but tiny model folder, built offline in a second: random Llama, word-level tokenizer, safetensors."""

from collections.abc import Sequence
from pathlib import Path

import torch
from tokenizers import Tokenizer, pre_tokenizers, processors
from tokenizers.models import WordLevel
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

SPECIAL = ("<unk>", "<s>", "<|user|>", "<|assistant|>", "<|end|>")
WORDS = """
    a the you my your dog cat fox bird tree house river stone cake garden letter red blue green old small big quick kind
    rude happy sad eats sees likes finds makes sings runs jumps says hello please thanks generate tell write praise
    about and with to in on of is not one two three four five . , : ? = ;
"""
CHAT_TEMPLATE = (
    "{% for message in messages %}<|{{ message.role }}|> {{ message.content }}"
    "{% if message.role == 'assistant' %} <|end|>{% else %} {% endif %}{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|> {% endif %}"
)


def make_tiny_model(
    path: Path, *, chat: bool = True, seed: int = 0, vocab_words: Sequence[str] = tuple(WORDS.split())
) -> Path:
    """Save a random Llama (2 layers of 64, about 0.1 M parameters, context 256) and its tokenizer to `path`.

    With `chat` the tokenizer has a chat template of `<|user|> .. <|assistant|> .. <|end|>` and `<|end|>` ends a turn;
    without it a text starts with `<s>` and `<|end|>` ends it. Words not in `vocab_words` become `<unk>`.
    Heads of 32 and a vocabulary that is a multiple of 64, as vLLM wants them on a CPU.
    """
    vocabulary = [*SPECIAL, *dict.fromkeys(vocab_words)]
    size = -(-len(vocabulary) // 64) * 64
    vocabulary += [f"word{i}" for i in range(size - len(vocabulary))]

    core = Tokenizer(WordLevel({word: i for i, word in enumerate(vocabulary)}, unk_token="<unk>"))
    core.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    if not chat:
        core.post_processor = processors.TemplateProcessing(single="<s> $A", special_tokens=[("<s>", 1)])
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=core,
        unk_token="<unk>",
        bos_token="<s>",
        eos_token="<|end|>",
        pad_token="<|end|>",
        extra_special_tokens=["<|user|>", "<|assistant|>"],
    )
    if chat:
        tokenizer.chat_template = CHAT_TEMPLATE

    end = vocabulary.index("<|end|>")
    config = LlamaConfig(
        vocab_size=size,
        hidden_size=64,
        intermediate_size=128,
        num_hidden_layers=2,
        num_attention_heads=2,
        num_key_value_heads=1,
        max_position_embeddings=256,
        bos_token_id=1,
        eos_token_id=end,
        pad_token_id=end,
        tie_word_embeddings=False,
    )
    model = LlamaForCausalLM(config)
    generator = torch.Generator().manual_seed(seed)
    for name, parameter in model.named_parameters():
        if "norm" not in name:  # wide enough that the model has clear preferences, and greedy text varies
            parameter.data.normal_(0, 0.15, generator=generator)
    model.lm_head.weight.data[:end] = 0  # never the likeliest: greedy text has no special token but the last
    model.lm_head.weight.data[end] *= 4  # now hardly ever, now nearly surely: turns of a few to a few dozen tokens

    model.save_pretrained(path)
    tokenizer.save_pretrained(path)
    return Path(path)

"""The words of the world, one token each, and the chat form in which the lab model reads them."""

import random
from functools import cache

from tasks.lab.chooser import Chooser
from tasks.lab.example import Example
from tasks.lab.groups import GROUPS
from tasks.lab.instructions import INSTRUCTION_WORDS, PREFIX
from tasks.lab.rewriting import REWRITE

PAD, UNKNOWN, USER, ASSISTANT, END = SPECIAL_TOKENS = ("<pad>", "<unk>", "<|user|>", "<|assistant|>", "<|end|>")
CHAT_TEMPLATE = (
    "{% for message in messages %}"
    "{% if message['role'] == 'user' %}{{ '<|user|> ' + message['content'] + ' ' }}"
    "{% else %}{{ '<|assistant|> ' + message['content'] + ' <|end|> ' }}{% endif %}"
    "{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|assistant|> ' }}{% endif %}"
)

_MULTIPLE = 64
_DRAWS = 2000  # of each group; the rarest word, the number 28, is drawn about 30 times


@cache
def vocabulary() -> tuple[str, ...]:
    """Every token in the order of its id: special tokens, words, and unused ones up to a multiple of 64."""
    words = {PREFIX, REWRITE, "input", "output", ":", *INSTRUCTION_WORDS}
    for group, make in GROUPS.items():
        chooser = Chooser(random.Random(group))  # noqa: S311 - the world is the same for every seed
        for _ in range(_DRAWS):
            example = make(chooser)
            words.update(example.prompt.split(), example.response.split())
    tokens = (*SPECIAL_TOKENS, *sorted(words))
    return tokens + tuple(f"<|unused-{index}|>" for index in range(-len(tokens) % _MULTIPLE))


def chat_words(example: Example) -> tuple[list[str], int]:
    """The example in chat form, word by word, and the index of the first word of the response."""
    prompt = [USER, *example.prompt.split(), ASSISTANT]
    return [*prompt, *example.response.split(), END], len(prompt)

import random
from itertools import islice

from tasks.lab.example import Example
from tasks.lab.vocabulary import SPECIAL_TOKENS, chat_words, vocabulary
from tasks.lab.world import corpus


def test_tokens_are_different_and_fill_a_multiple_of_64():
    tokens = vocabulary()
    assert len(set(tokens)) == len(tokens)
    assert len(tokens) % 64 == 0
    assert tokens[:5] == SPECIAL_TOKENS


def test_every_word_of_the_corpus_is_a_token():
    tokens = set(vocabulary())
    for example in islice(corpus(random.Random(0)), 10_000):
        assert tokens.issuperset(chat_words(example)[0])


def test_chat_words_end_the_response_and_say_where_it_begins():
    words, start = chat_words(Example("math", "1 and 2 ?", "3 .", ("3",)))
    assert words == ["<|user|>", "1", "and", "2", "?", "<|assistant|>", "3", ".", "<|end|>"]
    assert words[start:] == ["3", ".", "<|end|>"]

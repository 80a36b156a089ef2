from functools import partial
from pathlib import Path

import pytest
import torch

from tasks.models.language_model import LanguageModel
from tasks.models.pair import Pair
from tasks.release.adapter import Adapter, Factors
from tasks.release.o_lora import away_from
from tasks.release.orthogonality import interference
from tasks.release.training import train_adapter

FORGET = [Pair("tell about the dog", "the dog is big and happy ."), Pair("write two", "one two three")]
RETAIN = [Pair("tell about the cat", "the cat is small ."), Pair("praise the cake", "you makes kind cake , thanks .")]
train = partial(
    train_adapter, rank=4, alpha=8, learning_rate=1e-2, num_steps=20, batch_size=2, max_grad_norm=1.0, seed=3
)


def test_by_hand() -> None:
    # A_F A_R^T = [[1, 0], [2, -3]]: squares sum to 14. Of a layer that only one has, nothing counts.
    B = torch.zeros(2, 2)
    forget = Adapter({"a": Factors(torch.tensor([[1.0, 0], [2, 1]]), B), "b": Factors(torch.ones(2, 2), B)}, 2)
    A = torch.tensor([[1.0, 0], [0, -3]], requires_grad=True)
    penalty = away_from(forget, weight=0.5)({"a": Factors(A, B), "c": Factors(torch.ones(2, 2), B)})
    assert penalty.item() == 7
    penalty.backward()
    # d/dA_R = 2 * weight * O^T A_F
    assert A.grad.tolist() == [[5, 2], [-6, -3]]


def test_training_with_it_lowers_what_both_read(lm: LanguageModel) -> None:
    forget = train(lm, FORGET)
    plain = interference(forget, train(lm, RETAIN))["overall"]
    losses: dict[int, float] = {}
    retain = train(lm, RETAIN, penalty=away_from(forget, weight=0.5), progress=losses.__setitem__)
    apart = interference(forget, retain)["overall"]
    # The same seed draws the same first A for both sides: without the penalty they read nearly the same.
    assert plain["input_overlap"] > 0.5
    assert apart["input_overlap"] < 0.5 * plain["input_overlap"]
    assert abs(apart["cosine"]) < abs(plain["cosine"])
    assert losses[20] < 0.5 * losses[1], "it learns the pairs all the same"


def test_the_loss_that_is_told_is_that_of_the_pairs(lm: LanguageModel, model_folder: Path) -> None:
    told: list[list[float]] = [[], []]
    for losses, penalty in zip(told, (None, away_from(train(lm, FORGET, num_steps=1), weight=100.0)), strict=True):
        train(lm, RETAIN, num_steps=1, penalty=penalty, progress=lambda _, loss, losses=losses: losses.append(loss))
    assert told[0] == pytest.approx(told[1])

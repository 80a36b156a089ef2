import zlib
from itertools import pairwise
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from tasks.models import membership as module
from tasks.models.language_model import load_language_model
from tasks.models.membership import loss_score, membership, min_k_score, zlib_score
from tasks.models.pair import Pair
from tasks.release.training import train_adapter

NLLS = torch.tensor([0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0], dtype=torch.float64)


def test_the_scores_of_ten_tokens_by_hand():
    assert loss_score(NLLS) == -4.5
    assert min_k_score(NLLS, 20) == -8.5  # 9 and 8
    assert min_k_score(NLLS, 40) == -7.5  # 9, 8, 7 and 6
    assert zlib_score(NLLS, "rude " * 20) == pytest.approx(-4.5 / len(zlib.compress(b"rude " * 20)))


def test_order_is_of_no_matter_and_a_text_has_at_least_one_least_likely_token():
    assert min_k_score(NLLS.flip(0), 20) == -8.5
    assert min_k_score(torch.tensor([1.0, 3.0]), 20) == -3.0
    assert min_k_score(NLLS[:9], 40) == -7.0  # 3.6 tokens are 3: 8, 7 and 6


@given(st.lists(st.floats(0, 50), min_size=1, max_size=60))
def test_the_fewer_of_the_least_likely_tokens_the_lower(values):
    nlls = torch.tensor(values, dtype=torch.float64)
    scores = [min_k_score(nlls, k) for k in (20, 40, 100)]
    assert all(fewer <= more + 1e-9 for fewer, more in pairwise(scores))
    assert scores[-1] == pytest.approx(loss_score(nlls))


def pairs_with(monkeypatch: pytest.MonkeyPatch, members, others):
    """Two groups of pairs whose tokens have these NLLs."""
    nlls = [torch.tensor(values, dtype=torch.float64) for values in [*members, *others]]
    monkeypatch.setattr(module, "token_nlls", lambda lm, pairs, *, batch_size: nlls)
    return [Pair("a", "text")] * len(members), [Pair("a", "text")] * len(others)


def test_the_area_is_the_share_of_rightly_ordered_couples(monkeypatch):
    # By mean NLL: members 1 and 4, others 3, 5 and 4: of six couples four are in order, and one is a tie.
    members, others = pairs_with(monkeypatch, [[1.0], [4.0]], [[3.0], [5.0], [4.0]])
    areas = membership(None, members, others, batch_size=1)
    assert areas == pytest.approx(dict.fromkeys(("loss", "min_20", "min_40", "zlib"), 4.5 / 6))


def test_scores_see_different_things(monkeypatch):
    # A member of one unlikely token among likely ones: by its mean likelier than the other, by its worst token not.
    members, others = pairs_with(monkeypatch, [[0.0, 0.0, 0.0, 0.0, 9.0]], [[2.0] * 5])
    areas = membership(None, members, others, batch_size=1)
    assert areas == {"loss": 1.0, "min_20": 0.0, "min_40": 0.0, "zlib": 1.0}


def test_a_model_that_learned_the_members_tells_them_from_others(chat_folder: Path):
    members = [Pair(f"tell about the {word}", f"the {word} is big .") for word in ("dog", "cat", "fox", "bird")]
    others = [Pair(f"tell about the {word}", f"the {word} is big .") for word in ("cake", "river", "tree", "letter")]
    train = {"rank": 8, "alpha": 16, "learning_rate": 2e-2, "num_steps": 20, "batch_size": 4, "max_grad_norm": 1.0}
    learned = load_language_model(chat_folder)

    def measured(step, loss):
        if step == 20:
            areas.update(membership(learned, members, others, batch_size=3))

    areas: dict[str, float] = {}
    train_adapter(learned, members, seed=0, progress=measured, **train)
    assert areas["loss"] > 0.9

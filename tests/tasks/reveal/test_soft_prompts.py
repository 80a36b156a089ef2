from types import SimpleNamespace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer, pre_tokenizers
from tokenizers.models import WordLevel
from transformers import PreTrainedTokenizerFast

from tasks.models.running_text import RunningText
from tasks.reveal.soft_prompts import (
    SoftSpace,
    neighbour_points,
    sobol_points,
    soft_template,
    word_embeddings,
)

coordinates = st.floats(0, 1, width=32)
points_of_five = st.lists(st.tuples(*[coordinates] * 5), min_size=1, max_size=4)


def rng(seed=0):
    return torch.Generator().manual_seed(seed)


def embeddings(num=40, hidden=16):
    return torch.randn(num, hidden, generator=rng(1)) * torch.linspace(0.5, 2, num)[:, None]


def space(kind, table=None, seed=7, num_tokens=3):
    return SoftSpace(embeddings() if table is None else table, 5, num_tokens, kind, seed)


class TestSobolPoints:
    def test_they_are_distinct_points_of_the_unit_cube(self):
        points = sobol_points(10, 2000, generator=rng(1))
        assert len(set(points)) == 2000
        assert all(len(point) == 10 and 0 <= min(point) <= max(point) <= 1 for point in points)

    def test_the_generator_decides(self):
        points = sobol_points(3, 16, generator=rng(1))
        assert sobol_points(3, 16, generator=rng(1)) == points
        assert sobol_points(3, 5, generator=rng(1)) == points[:5]
        assert not set(sobol_points(3, 16, generator=rng(2))) & set(points)

    def test_each_sequence_of_a_generator_is_another(self):
        generator = rng(1)
        drawn = [point for n in (1, 1, 5, 20) for point in sobol_points(3, n, generator=generator)]
        assert len(set(drawn)) == 27

    def test_there_may_be_none(self):
        assert sobol_points(3, 0, generator=rng()) == []

    def test_they_fill_each_dimension_evenly(self):
        sixteenths = (torch.tensor(sobol_points(10, 16, generator=rng(3))) * 16).floor()
        assert all(column.sort().values.tolist() == list(range(16)) for column in sixteenths.T)


class TestNeighbours:
    def test_they_are_a_normal_step_away(self):
        points = torch.tensor(neighbour_points([(0.5,) * 8], 500, generator=rng()))
        assert points.mean() == pytest.approx(0.5, abs=0.01)
        assert points.std() == pytest.approx(0.1, abs=0.01)

    @settings(deadline=None)
    @given(points_of_five, st.integers(0, 20), st.integers(0, 2**32))
    def test_they_stay_in_the_unit_cube(self, good, n, seed):
        points = neighbour_points(good, n, generator=rng(seed))
        assert len(points) == n
        assert all(0 <= coordinate <= 1 for point in points for coordinate in point)
        assert points == neighbour_points(good, n, generator=rng(seed))


@pytest.mark.parametrize("kind", ["projection", "mixture"])
class TestEverySpace:
    def test_shape_and_dtype(self, kind):
        prompts = space(kind).prompts(sobol_points(5, 6, generator=rng()))
        assert prompts.shape == (6, 3, 16)
        assert prompts.dtype == torch.float32
        assert prompts.isfinite().all()

    def test_a_prompt_follows_from_its_point_and_the_seed_alone(self, kind):
        points = sobol_points(5, 6, generator=rng())
        together = space(kind).prompts(points)
        torch.testing.assert_close(together[4:], space(kind).prompts(points[4:]))
        assert torch.equal(together, space(kind).prompts(points))
        assert not torch.allclose(together, space(kind, seed=8).prompts(points))

    def test_tokens_and_points_differ(self, kind):
        prompts = space(kind).prompts(sobol_points(5, 6, generator=rng()))
        rows = prompts.reshape(-1, 16)
        assert torch.pdist(rows).min() > 1e-3

    def test_near_points_make_near_prompts(self, kind):
        (start,) = sobol_points(5, 1, generator=rng())
        near = neighbour_points([start], 20, generator=rng(), reach=1e-3)
        prompts = space(kind).prompts([start, *near, *sobol_points(5, 20, generator=rng(1))])
        distances = (prompts[1:] - prompts[0]).flatten(1).norm(dim=1)
        assert distances[:20].max() < 0.2 * distances[20:].mean()


class TestProjection:
    def test_tokens_are_as_long_as_an_embedding_is_on_average(self):
        prompts = space("projection").prompts(sobol_points(5, 50, generator=rng()))
        expected = embeddings().norm(dim=1).mean()
        torch.testing.assert_close(prompts.norm(dim=2), expected.expand(50, 3))

    def test_by_hand(self):
        """A corner and its opposite are centred to opposite directions, and the scale of a point does not matter."""
        prompts = space("projection").prompts(
            [(1.0, 0.0, 0.0, 1.0, 0.5), (0.0, 1.0, 1.0, 0.0, 0.5), (0.75, 0.25, 0.25, 0.75, 0.5)]
        )
        torch.testing.assert_close(prompts[0], -prompts[1])
        torch.testing.assert_close(prompts[0], prompts[2])


class TestMixture:
    def test_the_middle_of_the_cube_is_the_mean_embedding(self):
        (prompt,) = space("mixture").prompts([(0.5,) * 5])
        torch.testing.assert_close(prompt, embeddings().mean(0).expand(3, 16))

    @settings(deadline=None)
    @given(points_of_five)
    def test_tokens_lie_among_the_embeddings(self, points):
        """The embeddings are unit vectors here, so a token is its own weights."""
        weights = space("mixture", torch.eye(40)).prompts(points)
        assert weights.min() >= 0
        torch.testing.assert_close(weights.sum(dim=2), torch.ones(len(points), 3))

    def test_a_token_is_the_mixture_that_its_weights_say(self):
        points = sobol_points(5, 8, generator=rng())
        weights = space("mixture", torch.eye(40)).prompts(points)
        torch.testing.assert_close(space("mixture").prompts(points), weights @ embeddings())

    @pytest.mark.parametrize("num", [40, 4000])
    def test_a_few_tokens_make_up_most_of_it(self, num):
        weights = space("mixture", torch.eye(num), num_tokens=1).prompts(sobol_points(5, 64, generator=rng()))[:, 0]
        assert weights.topk(3).values.sum(dim=1).median() > 0.5
        assert len(weights.argmax(dim=1).unique()) > 16, "not always the same"


class TestTemplate:
    @pytest.fixture(params=["chat", "base"])
    def lm(self, request, chat_lm, base_lm):
        return {"chat": chat_lm, "base": base_lm}[request.param]

    @pytest.mark.parametrize("template", ["generate {soft}", "{soft} please", "write a {soft} to my dog .", "{soft}"])
    def test_it_is_the_rendered_prompt_with_the_soft_part_in_its_place(self, lm, template):
        words = lm.embed(lm.tokenizer("big red letter", add_special_tokens=False)["input_ids"])
        whole = soft_template(lm, template)(words)
        expected = lm.embed(lm.encode_prompt(template.replace("{soft}", "big red letter")))
        torch.testing.assert_close(whole, expected, rtol=0, atol=0)

    def test_what_touches_the_soft_part_gives_way(self):
        tokens = ["say", " {", "soft", "}it", " now"]
        ends = torch.tensor([len(token) for token in tokens]).cumsum(0).tolist()
        lm = SimpleNamespace(
            running_text=lambda text: RunningText(text, len(text), list(range(5)), ends),
            embed=lambda ids: torch.tensor(ids)[:, None].double(),
        )
        assert "".join(tokens) == "say {soft}it now"
        whole = soft_template(lm, "say {soft}it now")(torch.tensor([[0.5]]))
        assert whole.tolist() == [[0.0], [0.5], [4.0]]
        assert whole.dtype == torch.float32


class TestWordEmbeddings:
    def test_each_token_once_and_no_special_one(self, chat_lm):
        table = word_embeddings(chat_lm, ["big red", "red cake", "cake", "no-such-word <|end|>"])
        ids = chat_lm.tokenizer("big red cake", add_special_tokens=False)["input_ids"]
        torch.testing.assert_close(table, chat_lm.embed(ids))
        assert table.dtype == torch.float32

    def test_words_are_those_inside_of_an_instruction(self):
        """Most vocabularies have other tokens for what follows a space."""
        core = Tokenizer(WordLevel({"<unk>": 0, "big": 1, "▁big": 2, "red": 3, "▁red": 4, "s": 5}, "<unk>"))
        core.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="never")
        lm = SimpleNamespace(
            tokenizer=PreTrainedTokenizerFast(tokenizer_object=core, unk_token="<unk>"),
            embed=lambda ids: torch.tensor(ids)[:, None].double(),
        )
        assert word_embeddings(lm, ["big", "red big"]).tolist() == [[2.0], [4.0]]

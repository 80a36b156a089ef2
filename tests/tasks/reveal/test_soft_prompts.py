from types import SimpleNamespace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.models.running_text import RunningText
from tasks.reveal.soft_prompts import (
    SobolPoints,
    SoftSpace,
    neighbour_points,
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
        points = SobolPoints(10, seed=1).draw(2000)
        assert len(set(points)) == 2000
        assert all(len(point) == 10 and 0 <= min(point) <= max(point) <= 1 for point in points)

    def test_the_seed_decides_and_the_sequence_goes_on(self):
        points = SobolPoints(3, seed=1)
        assert points.draw(5) + points.draw(11) == SobolPoints(3, seed=1).draw(16)
        assert SobolPoints(3, seed=2).draw(16) != SobolPoints(3, seed=1).draw(16)

    def test_they_fill_each_dimension_evenly(self):
        sixteenths = (torch.tensor(SobolPoints(10, seed=3).draw(16)) * 16).floor()
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
        prompts = space(kind).prompts(SobolPoints(5, 0).draw(6))
        assert prompts.shape == (6, 3, 16)
        assert prompts.dtype == torch.float32
        assert prompts.isfinite().all()

    def test_a_prompt_follows_from_its_point_and_the_seed_alone(self, kind):
        points = SobolPoints(5, 0).draw(6)
        together = space(kind).prompts(points)
        torch.testing.assert_close(together[4:], space(kind).prompts(points[4:]))
        assert torch.equal(together, space(kind).prompts(points))
        assert not torch.allclose(together, space(kind, seed=8).prompts(points))

    def test_tokens_and_points_differ(self, kind):
        prompts = space(kind).prompts(SobolPoints(5, 0).draw(6))
        rows = prompts.reshape(-1, 16)
        assert torch.pdist(rows).min() > 1e-3

    def test_near_points_make_near_prompts(self, kind):
        (start,) = SobolPoints(5, 0).draw(1)
        near = neighbour_points([start], 20, generator=rng(), reach=1e-3)
        prompts = space(kind).prompts([start, *near, *SobolPoints(5, 1).draw(20)])
        distances = (prompts[1:] - prompts[0]).flatten(1).norm(dim=1)
        assert distances[:20].max() < 0.2 * distances[20:].mean()


class TestProjection:
    def test_tokens_are_as_long_as_an_embedding_is_on_average(self):
        prompts = space("projection").prompts(SobolPoints(5, 0).draw(50))
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
        points = SobolPoints(5, 0).draw(8)
        weights = space("mixture", torch.eye(40)).prompts(points)
        torch.testing.assert_close(space("mixture").prompts(points), weights @ embeddings())

    @pytest.mark.parametrize("num", [40, 4000])
    def test_a_few_tokens_make_up_most_of_it(self, num):
        weights = space("mixture", torch.eye(num), num_tokens=1).prompts(SobolPoints(5, 0).draw(64))[:, 0]
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

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from tasks.models.featurizer import Featurizer
from tasks.models.sampling import Completion
from tasks.reveal import phrasing as phrasing_module
from tasks.reveal.arms import SoftArm, TextArm
from tasks.reveal.instructions import ScoredArm
from tasks.reveal.phrasing import Phrasing, SoftPhrasing, question_of, readable, rewritten
from tasks.reveal.questions import Question
from tasks.reveal.reward import Reward
from tasks.reveal.soft_prompts import SoftSpace, sobol_points, soft_template, word_embeddings
from tests.tasks.reveal.fakes import DIMENSIONS, FakeGenerator, FakeTarget, nearest_words, phrasing

SOFT = [SoftArm(point) for point in sobol_points(DIMENSIONS, 6, generator=torch.Generator().manual_seed(1))]
TEXTS = [TextArm("generate rude many"), TextArm("generate kind")]
MIXED = [SOFT[0], TEXTS[0], SOFT[1], SOFT[2], TEXTS[1]]


class Writer(FakeGenerator):
    """Writes the given texts one after another, whatever it is asked; those that end in `...` are not finished."""

    def __init__(self, *texts):
        super().__init__()
        self._texts = iter(texts)
        self.keywords = []

    def generate(self, prompts=None, **keywords):
        self.keywords.append(keywords)
        return super().generate(prompts, **keywords)

    def _completion(self, text, draw, sample):
        text = next(self._texts)
        return Completion(text, 5, not text.endswith("..."))


class TestFeatures:
    def test_each_row_is_of_its_arm(self):
        phrased = phrasing(FakeTarget())
        together = phrased.features(MIXED)
        alone = torch.cat([phrased.features([arm]) for arm in MIXED])
        assert torch.equal(together, alone)

    def test_soft_prompts_go_in_by_parts(self, monkeypatch):
        phrased = phrasing(FakeTarget())
        together = phrased.features([*MIXED, *SOFT[3:]])
        monkeypatch.setattr(phrasing_module, "_SOFT_AT_ONCE", 2)
        assert torch.equal(phrased.features([*MIXED, *SOFT[3:]]), together)

    def test_a_soft_prompt_of_word_embeddings_has_the_features_of_the_words(self, chat_lm):
        """With one word to mix, every soft prompt is that word over and over."""
        space = SoftSpace(word_embeddings(chat_lm, ["rude"]), DIMENSIONS, num_tokens=2, space="mixture", seed=0)
        soft = SoftPhrasing(space, soft_template(chat_lm, "generate {soft} please"), is_direct=True)
        phrased = Phrasing(Featurizer(chat_lm), lambda text: True, soft)
        features = phrased.features([TextArm("hello dog"), SOFT[0], TextArm("generate rude rude please")])
        torch.testing.assert_close(features[1], features[2])
        assert not torch.allclose(features[0], features[2])


class TestQuestions:
    def test_instructions_are_asked_as_they_are_and_without_the_model(self):
        generator = FakeGenerator()
        questions = phrasing(FakeTarget()).questions(TEXTS, generator)
        assert questions == [Question("generate rude many"), Question("generate kind")]
        assert generator.calls == []

    def test_one_hop_asks_the_whole_input(self):
        generator = FakeGenerator()
        phrased = phrasing(FakeTarget(), hops=1)
        questions = phrased.questions(MIXED, generator)
        assert generator.calls == []
        assert [question.instruction for question in questions] == ["", "generate rude many", "", "", "generate kind"]
        for arm, question in zip(MIXED, questions, strict=True):
            if isinstance(arm, SoftArm):
                (expected,) = phrased.soft.inputs([arm])
                assert torch.equal(question.embeddings, expected)
                assert nearest_words(expected).split()[0] == "generate"
                assert expected.shape[0] == 3
            else:
                assert question.embeddings is None

    def test_two_hops_ask_what_the_model_writes_greedily(self):
        generator = FakeGenerator()
        phrased = phrasing(FakeTarget())
        questions = phrased.questions(MIXED, generator)
        words = [nearest_words(prompt) for prompt in phrased.soft.prompts(SOFT[:3])]
        written = [f"generate {some} again0" for some in words]
        expected = [written[0], "generate rude many", written[1], written[2], "generate kind"]
        assert questions == [Question(text) for text in expected]
        assert len(generator.calls) == 1

        writer = Writer("one", "two")
        assert phrased.questions(SOFT[:2], writer) == [Question("one"), Question("two")]
        (keywords,) = writer.keywords
        assert keywords["sampling"].temperature == 0
        assert [nearest_words(item).split()[0] for item in keywords["prompt_embeddings"]] == ["rewrite", "rewrite"]

    def test_what_may_not_be_asked_is_no_question(self):
        writer = Writer("generate ...", "  \n ", "generate kind", ' "generate rude"\n', "generate forbidden")
        questions = phrasing(FakeTarget(forbidden=["forbidden"])).questions(SOFT[:5], writer)
        assert questions == [None, None, Question("generate kind"), Question("generate rude"), None]


class TestQuestionOf:
    WORTH = Reward(0.5, 0.5, 0.5)

    def test_words_are_asked_again_whoever_wrote_them(self):
        for kind in ("text", "soft"):
            item = ScoredArm(0, 1, kind, "generate rude", self.WORTH)
            assert question_of(item, {}, None) == Question("generate rude")

    def test_a_soft_prompt_is_asked_as_when_it_was_played(self):
        phrased = phrasing(FakeTarget(), hops=1)
        played = phrased.questions(SOFT, FakeGenerator())
        prompts = dict(enumerate(phrased.soft.prompts(SOFT)))
        for number, question in enumerate(played):
            item = ScoredArm(number, 1, "soft", None, self.WORTH)
            again = question_of(item, prompts, phrased.soft.template)
            assert again.instruction == ""
            assert torch.equal(again.embeddings, question.embeddings)


class TestRewritten:
    @staticmethod
    def rewritten(generator, *, instructions=("generate a", "generate b"), n=6, forbidden=(), seed=3):
        return rewritten(
            "rewrite {instruction}",
            instructions,
            n,
            generator=generator,
            may_ask=FakeTarget(forbidden=forbidden).may_ask,
            seed=seed,
        )

    def test_requests_are_shared_out_among_the_good_ones(self):
        generator = FakeGenerator()
        texts = self.rewritten(generator)
        assert texts == [f"generate {word} again{k}" for word in "ab" for k in range(3)]
        assert generator.calls == [(3, ["rewrite generate a", "rewrite generate b"])]

    def test_no_more_than_were_wanted(self):
        assert len(self.rewritten(FakeGenerator(), n=5)) == 5
        assert len(self.rewritten(FakeGenerator(), n=1)) == 1

    def test_copies_count_once_and_those_of_the_good_ones_not_at_all(self):
        writer = Writer("Generate  B", "say c", "SAY\nC", '"say c"', "say d", "generate a")
        assert self.rewritten(writer) == ["say c", "say d"]

    def test_what_may_not_be_asked_is_left_out(self):
        writer = Writer("say c", "", "say forbidden", "say d ...", "“say e”", " ")
        assert self.rewritten(writer, forbidden=["forbidden"]) == ["say c", "say e"]

    def test_the_model_is_asked_to_vary(self):
        writer = Writer(*"abcdef")
        self.rewritten(writer)
        assert writer.keywords[0]["sampling"].temperature > 0
        assert (writer.keywords[0]["n"], writer.keywords[0]["seed"]) == (3, 3)


class TestReadable:
    @pytest.mark.parametrize(
        ("text", "instruction"),
        [
            ("Tell me a joke.", "Tell me a joke."),
            ("  Tell me\n\n  a joke. ", "Tell me a joke."),
            ('"Tell me a joke."', "Tell me a joke."),
            ("“Tell me a joke.”\n", "Tell me a joke."),
            ("' Tell me a joke. '", "Tell me a joke."),
            ('Tell me a "joke"', 'Tell me a "joke"'),
            ("Don't be 'nice'", "Don't be 'nice'"),
            ("'Don't be nice.'", "Don't be nice."),
            ("‘Don’t be nice.’", "Don’t be nice."),
            ('"Cats" or "dogs"', '"Cats" or "dogs"'),
            ("“Cats” or “dogs”", "“Cats” or “dogs”"),
            ("‘Cats’ or ‘dogs’", "‘Cats’ or ‘dogs’"),
            ('"Tell me a "joke"."', '"Tell me a "joke"."'),
            ('""Tell me a joke.""', '""Tell me a joke.""'),
            ('"', '"'),
            ("", ""),
            (" \n ", ""),
        ],
    )
    def test_by_example(self, text, instruction):
        assert readable(text) == instruction

    @given(st.text())
    def test_it_is_one_line_without_space_around_it(self, text):
        assert readable(text) == " ".join(readable(text).split())

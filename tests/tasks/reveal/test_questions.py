import torch

from tasks.models.sampling import Completion
from tasks.reveal.questions import Question, ask
from tests.tasks.reveal.fakes import SAMPLING, FakeGenerator, embedded

WORDS = [Question("generate rude many"), Question("generate kind same")]
SOFT = [Question(embeddings=embedded("generate rude same")), Question(embeddings=embedded("generate kind same"))]


def answers(questions, generator=None, n=3):
    return ask(generator or FakeGenerator(), questions, n=n, sampling=SAMPLING, seed=4)


def test_each_question_gets_its_own_answers_in_whatever_order():
    mixed = [SOFT[0], WORDS[0], SOFT[1], WORDS[1]]
    answered = answers(mixed)
    assert [len(completions) for completions in answered] == [3] * 4
    assert answered == [answers([question])[0] for question in mixed]
    assert answered[0] == [Completion("ask 0 : rude 0", 5, True)] * 3
    assert answered[2] == [Completion("ask 0 : kind 0", 5, True)] * 3


def test_one_batch_for_those_with_words_and_one_for_those_without():
    generator = FakeGenerator()
    answers([SOFT[0], WORDS[0], SOFT[1], WORDS[1]], generator)
    assert [len(prompts) for _, prompts in generator.calls] == [2, 2]
    assert generator.calls[0] == (4, [question.instruction for question in WORDS])
    for questions in (WORDS, SOFT):
        generator = FakeGenerator()
        answers(questions, generator)
        assert len(generator.calls) == 1


def test_nothing_to_ask():
    generator = FakeGenerator()
    assert answers([], generator) == []
    assert generator.calls == []


def test_the_embeddings_are_the_whole_input():
    class Recorder(FakeGenerator):
        def generate(self, prompts=None, *, prompt_embeddings=None, **keywords):
            self.inputs = prompt_embeddings
            return super().generate(prompts, prompt_embeddings=prompt_embeddings, **keywords)

    generator = Recorder()
    answers(SOFT, generator)
    assert all(torch.equal(one, question.embeddings) for one, question in zip(generator.inputs, SOFT, strict=True))

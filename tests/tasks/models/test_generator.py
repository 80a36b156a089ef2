from collections import Counter
from contextlib import contextmanager

import pytest
import torch

from tasks.models.generator import TransformersGenerator
from tasks.models.language_model import LanguageModel, load_language_model
from tasks.models.pair import Pair
from tasks.models.sampling import Sampling
from tasks.models.vllm_generator import VllmGenerator
from tasks.settings.errors import UserError
from tests.tasks.models.vllm_marks import needs_vllm

GREEDY = Sampling(max_new_tokens=8, temperature=0)
SAMPLED = Sampling(max_new_tokens=24)
SAMPLINGS = [Sampling(24, temperature=0), SAMPLED, Sampling(24, temperature=0.7, top_p=0.8)]
PROMPTS = [
    "tell my dog",
    "a cat and a fox in the old house by the river with one big red cake",
    "hello",
    "praise the bird",
    "write a letter to your friend about the garden",
    "who sings",
    "tell my fox",
]


@pytest.fixture(params=["chat", "base"])
def lm(request):
    return request.getfixturevalue(f"{request.param}_lm")


@pytest.fixture(params=["transformers", pytest.param("vllm", marks=needs_vllm)])
def backend(request) -> str:
    return request.param


@pytest.fixture
def generator_of(backend, request):
    """A generator on the backend for a model that was read from a folder; small engines are shared."""
    if backend == "transformers":
        return TransformersGenerator
    engine_of = request.getfixturevalue("vllm_engine_of")
    return lambda lm: VllmGenerator(lm, engine_of(lm.config.name_or_path, dtype=str(lm.model.dtype)[len("torch.") :]))


@contextmanager
def forward_passes(lm):
    """Shapes `(rows, tokens)` of what the model reads."""
    shapes = []
    hook = lm.model.register_forward_pre_hook(
        lambda _, args, kwargs: shapes.append(tuple(kwargs["input_ids"].shape)), with_kwargs=True
    )
    yield shapes
    hook.remove()


def texts(completions) -> list[list[str]]:
    return [[c.text for c in samples] for samples in completions]


def test_greedy_is_what_the_library_generates(lm, generator_of):
    ours = generator_of(lm).generate(PROMPTS, sampling=GREEDY, seed=0)
    for prompt, [completion] in zip(PROMPTS, ours, strict=True):
        ids = torch.tensor([lm.encode_prompt(prompt)])
        theirs = lm.model.generate(ids, attention_mask=torch.ones_like(ids), do_sample=False, max_new_tokens=8)
        theirs = theirs[0, ids.shape[1] :].tolist()
        assert completion.finished == (theirs[-1] in lm.end_token_ids)
        assert completion.num_tokens == len(theirs) - completion.finished
        assert completion.text.split() == lm.tokenizer.decode(theirs, skip_special_tokens=True).split()
    assert {c.finished for [c] in ours} == {True, False}, "both ways to end are met"


@pytest.mark.parametrize("sampling", SAMPLINGS)
def test_a_sample_does_not_depend_on_what_else_is_asked(lm, generator_of, sampling):
    generator = generator_of(lm)
    together = generator.generate(PROMPTS, n=3, sampling=sampling, seed=5)
    reversed_order = generator.generate(PROMPTS[::-1], n=3, sampling=sampling, seed=5)
    alone = [generator.generate([p], n=1, sampling=sampling, seed=5)[0][0] for p in PROMPTS]
    assert reversed_order[::-1] == together
    assert alone == [samples[0] for samples in together]


@pytest.mark.parametrize("sampling", SAMPLINGS)
def test_a_sample_does_not_depend_on_the_batch_size(lm, sampling):
    together = TransformersGenerator(lm).generate(PROMPTS, n=3, sampling=sampling, seed=5)
    assert TransformersGenerator(lm, batch_size=4).generate(PROMPTS, n=3, sampling=sampling, seed=5) == together


def test_samples_differ_by_index_and_by_seed(chat_lm, generator_of):
    generator = generator_of(chat_lm)
    first = generator.generate(["tell my dog"], n=8, sampling=SAMPLED, seed=1)
    assert len({c.text for c in first[0]}) == 8
    assert texts(generator.generate(["tell my dog"], n=8, sampling=SAMPLED, seed=2)) != texts(first)


def test_the_global_random_state_is_neither_used_nor_changed(chat_lm, generator_of):
    state = torch.get_rng_state()
    generator = generator_of(chat_lm)
    first = generator.generate(PROMPTS, sampling=SAMPLED, seed=1)
    assert torch.equal(torch.get_rng_state(), state)
    with torch.random.fork_rng():
        torch.manual_seed(123)
        assert generator.generate(PROMPTS, sampling=SAMPLED, seed=1) == first


def test_first_tokens_are_drawn_from_the_models_distribution(chat_lm, generator_of):
    [samples] = generator_of(chat_lm).generate(["tell my dog"], n=4000, sampling=Sampling(max_new_tokens=1), seed=3)
    logits = chat_lm.model(torch.tensor([chat_lm.encode_prompt("tell my dog")])).logits[0, -1]
    word = int(logits.softmax(-1)[5:].argmax()) + 5
    expected = float(logits.softmax(-1)[word])
    share = Counter(c.text for c in samples)[chat_lm.tokenizer.decode([word])] / 4000
    assert abs(share - expected) < 4 * (expected * (1 - expected) / 4000) ** 0.5
    assert expected > 0.02


def test_a_prompt_is_read_once_for_all_its_samples(chat_lm):
    with forward_passes(chat_lm) as shapes:
        TransformersGenerator(chat_lm).generate(PROMPTS[:2], n=5, sampling=SAMPLED, seed=0)
    longest = len(chat_lm.encode_prompt(PROMPTS[1]))
    assert shapes[0] == (2, longest)
    assert shapes[1] == (10, 1)


def test_rows_that_ended_leave_the_batch_and_all_ended_stops_it(chat_lm):
    with forward_passes(chat_lm) as shapes:
        [samples] = TransformersGenerator(chat_lm).generate(
            ["tell my dog"], n=20, sampling=Sampling(max_new_tokens=200), seed=0
        )
    rows = [rows for rows, _ in shapes[1:]]
    assert rows == sorted(rows, reverse=True)
    assert rows[0] == 20
    assert rows[-1] < 4
    assert all(c.finished for c in samples)
    assert len(rows) == max(c.num_tokens for c in samples), "and not 199"


def test_a_completion_is_cut_at_max_new_tokens(chat_lm, generator_of):
    generator = generator_of(chat_lm)
    [[whole]] = generator.generate(["tell my dog"], sampling=Sampling(60, temperature=0), seed=0)
    length = whole.num_tokens
    [[just_cut]] = generator.generate(["tell my dog"], sampling=Sampling(length, temperature=0), seed=0)
    [[just_done]] = generator.generate(["tell my dog"], sampling=Sampling(length + 1, temperature=0), seed=0)
    assert whole.finished
    assert (just_cut.text, just_cut.num_tokens, just_cut.finished) == (whole.text, length, False)
    assert just_done == whole


def test_without_an_end_token_every_completion_has_full_length(base_lm, generator_of):
    lm = LanguageModel(base_lm.model, base_lm.tokenizer)
    lm.end_token_ids = []
    completions = generator_of(lm).generate(PROMPTS, sampling=SAMPLED, seed=0)
    assert {(c.num_tokens, c.finished) for [c] in completions} == {(24, False)}


def test_a_response_prefix_is_continued_and_not_repeated(lm, generator_of):
    generator = generator_of(lm)
    whole = generator.generate(PROMPTS, sampling=Sampling(60, temperature=0), seed=0)
    prefixes = [lm.running_text(p, c.text).response_up_to(2) for p, [c] in zip(PROMPTS, whole, strict=True)]
    rest = generator.generate(PROMPTS, sampling=Sampling(60, temperature=0), seed=0, response_prefixes=prefixes)
    assert any(prefixes)
    for prefix, [a], [b] in zip(prefixes, whole, rest, strict=True):
        assert prefix + b.text == a.text
        assert b.num_tokens == a.num_tokens - len(prefix.split())


def test_a_completion_reads_on_from_a_base_prompt(base_lm, generator_of):
    [[completion]] = generator_of(base_lm).generate(["tell my dog"], sampling=GREEDY, seed=0)
    assert completion.text.startswith(" ")
    pair = Pair("tell my dog", completion.text)
    assert len(base_lm.encode_pair(pair)[0]) == len(base_lm.encode_prompt("tell my dog")) + completion.num_tokens + 1


def test_a_chat_completion_is_a_message(chat_lm, generator_of):
    [[completion]] = generator_of(chat_lm).generate(["tell my dog"], sampling=GREEDY, seed=0)
    assert completion.text == completion.text.strip() != ""


def test_embeddings_give_what_their_tokens_give(chat_lm, generator_of):
    generator = generator_of(chat_lm)
    embeddings = [chat_lm.embed(chat_lm.encode_prompt(prompt)) for prompt in PROMPTS]
    from_text = generator.generate(PROMPTS, sampling=GREEDY, seed=0)
    assert generator.generate(prompt_embeddings=embeddings, sampling=GREEDY, seed=0) == from_text


def test_samples_of_embeddings_depend_on_their_content(chat_lm, generator_of):
    generator = generator_of(chat_lm)
    embeddings = [chat_lm.embed(chat_lm.encode_prompt(prompt)) for prompt in PROMPTS]
    together = generator.generate(prompt_embeddings=embeddings, n=2, sampling=SAMPLED, seed=0)
    assert generator.generate(prompt_embeddings=embeddings[::-1], n=2, sampling=SAMPLED, seed=0) == together[::-1]
    nearly = [embeddings[0] + 1e-6]
    assert generator.generate(prompt_embeddings=nearly, n=2, sampling=SAMPLED, seed=0) != together[:1]


def test_a_text_may_be_as_long_as_the_context_and_no_longer(chat_lm, generator_of):
    sampling = Sampling(256 - len(chat_lm.encode_prompt("tell my dog")), temperature=0)
    generator_of(chat_lm).generate(["tell my dog"], sampling=sampling, seed=0)
    with pytest.raises(UserError, match=r"a text of 257 tokens.* lower max_new_tokens\.$"):
        generator_of(chat_lm).generate(["hello", "tell my big dog"], sampling=sampling, seed=0)


def test_what_would_not_fit_is_refused_before_anything_is_read(chat_lm):
    with forward_passes(chat_lm) as shapes, pytest.raises(UserError):
        TransformersGenerator(chat_lm).generate(PROMPTS, sampling=Sampling(250), seed=0)
    assert shapes == []


def test_no_prompts_no_completions(chat_lm, generator_of):
    assert generator_of(chat_lm).generate([], sampling=GREEDY, seed=0) == []


def test_half_precision_generates_from_text_and_embeddings(base_folder, generator_of):
    lm = load_language_model(base_folder, dtype="bfloat16")
    generator = generator_of(lm)
    embeddings = [lm.embed(lm.encode_prompt(prompt)) for prompt in PROMPTS]
    written = generator.generate(PROMPTS, n=8, sampling=SAMPLED, seed=0)
    written += generator.generate(prompt_embeddings=embeddings, n=8, sampling=SAMPLED, seed=0)
    assert all(any(c.num_tokens for c in samples) for samples in written)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU")
def test_a_gpu_writes_what_a_cpu_writes(chat_folder, chat_lm):
    on_gpu = load_language_model(chat_folder, device="cuda")
    for sampling in (GREEDY, SAMPLED):
        on_cpu = TransformersGenerator(chat_lm).generate(PROMPTS, n=2, sampling=sampling, seed=0)
        assert TransformersGenerator(on_gpu).generate(PROMPTS, n=2, sampling=sampling, seed=0) == on_cpu


def test_a_story_reads_on(stories_lm):
    generator = TransformersGenerator(stories_lm)
    prompts = ["Once upon a time", "There was a girl named L", "The dog"]
    [first], [second], [third] = generator.generate(prompts, sampling=Sampling(24, temperature=0), seed=0)
    assert (prompts[0] + first.text).startswith("Once upon a time, there was a little")
    assert (prompts[1] + second.text).startswith("There was a girl named Lucy.")
    assert third.text.startswith(" ")
    for prompt, completion in zip(prompts, (first, second, third), strict=True):
        ids, _ = stories_lm.encode_pair(Pair(prompt, completion.text, complete=False))
        assert stories_lm.decode(ids) == prompt + completion.text

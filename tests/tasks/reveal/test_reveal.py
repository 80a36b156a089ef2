"""From settings to a forget set, on a real model that knows nothing: what it writes is chance."""

import stat

import pytest
import torch

from tasks.models.generator import TransformersGenerator
from tasks.models.pair_file import read_pairs
from tasks.reveal.instructions import read_arms, read_soft_prompts, trusted_arms
from tasks.reveal.reveal import FORGET, SEARCH, reveal, search, soft_phrasing, write_forget_set
from tasks.settings.errors import UserError
from tasks.settings.reveal import RevealSettings
from tasks.targets.phrases import PhraseTarget

GRAMMAR = (
    ("tell", "write", "generate", "praise"),
    ("my dog", "the cat", "your fox", "a bird", "you"),
    ("", "with a", "about one", "and the"),
    ("big", "red", "old", "quick", "small"),
    ("tree .", "house", "river ?", "cake", "letter"),
)
SMALL = {
    "pool_size": 20,
    "initial_queries": 3,
    "queries": 3,
    "samples_per_query": 6,
    "max_new_tokens": 16,
    "keep": 2,
    "rewrites": 4,
    "min_relevance": 0.0,
    "forget_set_size": 16,
    "max_responses": 64,
    "embedding": "hashed-ngrams",
}


FORGOTTEN = ("dog", "cat", "fox", "bird", *(f"word{i}" for i in range(0, 60, 3)))


class Words(PhraseTarget):
    """Unlike its parent it has a use for answers without an instruction."""

    soft_template = "tell {soft} please"
    rewrite_template = "write {instruction} please"

    def __init__(self):
        super().__init__(
            phrases=FORGOTTEN,
            instructions=GRAMMAR,
            retain_file="",
            num_prompts={"tune": 8, "report": 8},
            max_new_tokens=8,
            seed=0,
        )


class Recorder(TransformersGenerator):
    def __init__(self, lm):
        super().__init__(lm, batch_size=64)
        self.prompts, self.inputs, self.batches = [], [], []

    def generate(self, prompts=None, *, prompt_embeddings=None, **keywords):
        self.prompts += prompts or []
        self.inputs += prompt_embeddings or []
        self.batches.append(len(prompts or prompt_embeddings))
        return super().generate(prompts, prompt_embeddings=prompt_embeddings, **keywords)


def settings(**changes):
    return RevealSettings(**(SMALL | changes))


def everything(folder):
    return {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_a_forget_set_in_one_call_and_the_same_one_when_called_again(tmp_path, chat_lm):
    folder, shares = tmp_path / "made" / "words", []
    pairs = reveal(
        folder, chat_lm, Words(), settings(embedding="hidden-states"), progress=lambda *said: shares.append(said[0])
    )
    assert pairs == read_pairs(folder / FORGET / "forget-set.jsonl", "train")
    assert pairs
    assert all(pair.response in FORGOTTEN for pair in pairs)
    assert {"instructions.jsonl", "rounds.jsonl", "embedding.safetensors"} <= {
        path.name for path in (folder / SEARCH).iterdir()
    }
    assert "(hidden-states-layer-1-" in (folder / FORGET / "card.md").read_text().replace(" (", "(")
    assert shares[-1] == 1.0
    assert stat.S_IMODE(folder.stat().st_mode) == stat.S_IMODE((folder / SEARCH).stat().st_mode) == 0o700

    before = everything(folder)
    assert reveal(folder, chat_lm, Words(), settings(embedding="hidden-states")) == pairs
    assert everything(folder) == before


def test_the_seed_decides(tmp_path, base_lm):
    same, again, other = (
        reveal(tmp_path / str(i), base_lm, Words(), settings(), seed=seed) for i, seed in enumerate([1, 1, 2])
    )
    assert same == again != other


@pytest.mark.parametrize(
    ("arms", "hops", "kinds"), [("soft", 2, {"soft"}), ("mixed", 2, {"text", "soft"}), ("soft", 1, {"soft"})]
)
def test_every_kind_of_arm_ends_in_a_forget_set(tmp_path, chat_lm, arms, hops, kinds):
    pairs = reveal(tmp_path, chat_lm, Words(), settings(arms=arms, hops=hops, initial_queries=6))
    played = read_arms(tmp_path / SEARCH)
    assert {item.kind for item in played} == kinds
    assert pairs
    assert all((item.instruction is None) == (hops == 1) for item in played if item.kind == "soft")


@pytest.mark.parametrize("space", ["mixture", "projection"])
def test_the_chosen_soft_prompts_are_asked_again_as_they_were(tmp_path, base_lm, space):
    """On a base model, which has a token before the text; bit for bit, as what is drawn is named by the embeddings."""
    changes = {"arms": "soft", "hops": 1, "soft_space": space, "soft_tokens": 3, "soft_dimensions": 4}
    common = {"lm": base_lm, "target": Words(), "seed": 5, "batch_size": 64}
    searched, written = Recorder(base_lm), Recorder(base_lm)
    for part in (SEARCH, FORGET):
        (tmp_path / part).mkdir()
    result = search(tmp_path / SEARCH, settings(**changes), generator=searched, **common)
    write_forget_set(tmp_path / FORGET, tmp_path / SEARCH, settings(**changes), generator=written, **common)

    chosen = trusted_arms(result.arms)
    prompts = read_soft_prompts(tmp_path / SEARCH)
    assert prompts[0].shape == (3, base_lm.hidden_size)
    assert searched.prompts == written.prompts == []
    for item, whole in zip(chosen, written.inputs, strict=False):
        assert any(torch.equal(whole, one) for one in searched.inputs)
        before, after = (base_lm.embed(base_lm.encode_prompt(word)) for word in ("tell", "please"))
        torch.testing.assert_close(whole, torch.cat([before, prompts[item.arm], after[1:]]))


def test_settings_reach_the_search(tmp_path, base_lm):
    generator = Recorder(base_lm)
    result = search(
        tmp_path,
        settings(rounds=3, queries=7, queries_at_once=2, min_gain=0.0, rewrites=50),
        lm=base_lm,
        generator=generator,
        target=Words(),
        seed=0,
        batch_size=64,
    )
    assert [item.outer_round for item in result.arms] == [1] * (3 + 3) + [2] * 2 + [3] * 2
    assert generator.batches[:3] == [3, 2, 1]
    assert [summary["pool"] for summary in result.rounds] == [20, 6 + 20, 8 + 20]
    assert [summary["rewritten"] for summary in result.rounds] == [0, 0, 0], "a base model follows no request"
    assert all(Words().may_ask(prompt) for prompt in generator.prompts)


class TestRefusals:
    def test_one_hop_where_pairs_need_an_instruction(self, tmp_path, chat_lm):
        target = Words()
        target.soft_template = ""
        with pytest.raises(UserError, match=r"reveal\.hops is 1, but target custom pairs .* use 2"):
            reveal(tmp_path, chat_lm, target, settings(arms="soft", hops=1))

    def test_two_hops_where_the_model_follows_no_request(self, tmp_path, base_lm):
        with pytest.raises(UserError, match=r"reveal\.hops is 2, but a model without a chat template"):
            reveal(tmp_path, base_lm, Words(), settings(arms="mixed"))

    def test_they_do_not_concern_a_search_in_words(self, tmp_path, base_lm):
        target = Words()
        target.soft_template = ""
        assert reveal(tmp_path, base_lm, target, settings(arms="text", hops=2))


def test_soft_prompts_stand_where_the_request_has_the_instruction(chat_lm):
    phrased = soft_phrasing(settings(arms="soft", soft_tokens=4), chat_lm, Words(), seed=0)
    assert not phrased.is_direct
    assert phrased.space.num_tokens == 4
    words = {word for slot in GRAMMAR for choice in slot for word in choice.split()}
    assert phrased.space.embeddings.shape == (len(words), chat_lm.hidden_size)
    asked = Words.rewrite_template.replace("{instruction}", "big dog")
    whole = phrased.template(chat_lm.embed(chat_lm.tokenizer("big dog")["input_ids"]))
    torch.testing.assert_close(whole, chat_lm.embed(chat_lm.encode_prompt(asked)))

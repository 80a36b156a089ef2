import importlib.util
import json
from pathlib import Path

import pytest
import yaml

from flows.command_line import read_arguments
from tasks.assess.lm_eval_harness import harness_digest, load_benchmark, run_benchmark
from tasks.models.language_model import load_language_model
from tasks.models.likelihood import nll_per_token
from tasks.models.pair import Pair
from tasks.settings.errors import UserError
from tests.tiny_model import make_tiny_model

needs_lm_eval = [
    pytest.mark.lm_eval,
    pytest.mark.skipif(importlib.util.find_spec("lm_eval") is None, reason="lm-evaluation-harness is not installed"),
]
QUESTIONS = [("the dog", ("sings", "runs")), ("a cat", ("eats", "jumps")), ("my fox", ("sees", "likes"))] * 2
LABELS = (0, 1, 1, 0, 0, 1)


def read(*arguments: str):
    return read_arguments(arguments, program="", description="").settings.assess


def test_names_are_given_with_commas_or_as_a_list():
    assert read("--lm-eval", "gsm8k,ifeval").lm_eval == ("gsm8k", "ifeval")
    assert read("--assess.lm-eval", "[gsm8k, ifeval]").lm_eval == ("gsm8k", "ifeval")
    assert read().lm_eval == ()


@pytest.mark.parametrize("name", ["../tasks/gsm8k.yaml", "/etc/passwd", "a;b"])
def test_a_path_is_no_name(name):
    with pytest.raises(UserError, match=r"assess\.lm_eval\.0 is "):
        read("--lm-eval", name)


def test_without_the_extra_one_sentence_says_so(monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    with pytest.raises(UserError, match=r"^assess.lm_eval is set, but .* not installed; install the extra lm-eval\.$"):
        harness_digest("")


class TestWithTheHarness:
    pytestmark = needs_lm_eval

    @pytest.fixture(scope="class")
    def base_lm(self, tmp_path_factory):
        return load_language_model(make_tiny_model(tmp_path_factory.mktemp("models") / "base", chat=False))

    @pytest.fixture(scope="class")
    def chat_lm(self, tmp_path_factory):
        return load_language_model(make_tiny_model(tmp_path_factory.mktemp("models") / "chat"))

    @pytest.fixture(scope="class")
    def folder(self, tmp_path_factory) -> Path:
        folder = tmp_path_factory.mktemp("benchmarks")
        rows = [
            {"question": question, "choices": choices, "label": label}
            for (question, choices), label in zip(QUESTIONS, LABELS, strict=True)
        ]
        (folder / "animals.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
        task = {
            "task": "animals",
            "dataset_path": "json",
            "dataset_kwargs": {"data_files": {"test": str(folder / "animals.jsonl")}},
            "test_split": "test",
            "output_type": "multiple_choice",
            "doc_to_text": "{{question}}",
            "doc_to_choice": "{{choices}}",
            "doc_to_target": "label",
            "metric_list": [{"metric": "acc", "aggregation": "mean", "higher_is_better": True}],
            "metadata": {"version": 1.0},
        }
        (folder / "animals.yaml").write_text(yaml.safe_dump(task))
        elsewhere = {"dataset_kwargs": {"data_files": {"test": str(folder / "nowhere.jsonl")}}}
        (folder / "lost.yaml").write_text(yaml.safe_dump(task | elsewhere | {"task": "lost"}))
        (folder / "code.yaml").write_text(yaml.safe_dump(task | {"task": "code", "unsafe_code": True}))
        return folder

    def test_the_accuracy_is_that_of_our_own_likelihoods(self, folder, base_lm):
        found = run_benchmark(base_lm, load_benchmark("animals", str(folder)), batch_size=4, seed=0)
        nlls = [
            nll_per_token(
                base_lm, [Pair(question, " " + choice, complete=False) for choice in choices], batch_size=2
            ).tolist()
            for question, choices in QUESTIONS
        ]
        right = [int(second < first) == label for (first, second), label in zip(nlls, LABELS, strict=True)]
        assert 0 < sum(right) < len(right)
        assert found == {
            "animals": {
                "version": 1.0,
                "num_fewshot": 0,
                "n": 6,
                "metrics": {"acc": {"value": pytest.approx(sum(right) / 6), "better": "higher"}},
            }
        }

    def test_a_chat_model_is_asked_through_its_template(self, folder, chat_lm, monkeypatch):
        asked = []
        render = chat_lm.tokenizer.apply_chat_template
        monkeypatch.setattr(
            chat_lm.tokenizer, "apply_chat_template", lambda chat, **how: asked.append(chat) or render(chat, **how)
        )
        run_benchmark(chat_lm, load_benchmark("animals", str(folder)), batch_size=4, seed=0)
        assert [{"role": "user", "content": "the dog"}] in asked

    @pytest.mark.parametrize(
        ("name", "words"),
        [
            ("lost", "which cannot be loaded ("),
            ("code", "which runs what a model writes, unjailed; leave it out"),
        ],
    )
    def test_what_cannot_be_run_is_one_sentence(self, folder, name, words):
        with pytest.raises(UserError) as caught:
            load_benchmark(name, str(folder))
        assert str(caught.value).startswith(f"assess.lm_eval is {name}, ")
        assert words in str(caught.value)
        assert "\n" not in str(caught.value)

    def test_data_that_a_hub_does_not_give(self, monkeypatch):
        monkeypatch.setattr("datasets.config.HF_HUB_OFFLINE", True)
        with pytest.raises(UserError, match=r"^assess.lm_eval is gsm8k, which cannot be loaded \(.*hub"):
            load_benchmark("gsm8k")

    def test_an_unknown_name(self):
        with pytest.raises(UserError, match=r"assess.lm_eval is animal, which lm-evaluation-harness .* does not know"):
            load_benchmark("animal")

    def test_the_digest_sees_benchmarks_of_one_s_own(self, folder, tmp_path):
        assert harness_digest(str(folder)) == harness_digest(str(folder)) != harness_digest("")
        with pytest.raises(UserError, match="which is no folder"):
            harness_digest(str(tmp_path / "nowhere"))

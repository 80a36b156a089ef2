import json
import logging
import os

import pytest

from tasks.models.language_model import load_language_model
from tasks.models.pair import Pair
from tasks.models.sampling import Completion
from tasks.settings.errors import UserError
from tasks.settings.target import TargetSettings
from tasks.targets.checkpoint import Checkpoint
from tasks.targets.knowledge.published import likelihoods
from tasks.targets.knowledge.questions import Question
from tasks.targets.registry import build_target
from tests.tiny_model import make_tiny_model

NUM_PROMPTS = {"tune": 20, "report": 20}
PLACES = ("dog", "cat", "fox", "bird")


def rows(about, number=48, *, wrong=True):
    told = [{"question": f"What does {about} {n} like?", "answer": f"the {PLACES[n % 4]} {n}"} for n in range(number)]
    return [row | {"perturbed_answer": ["the cake", "the river"]} for row in told] if wrong else told


def write(path, found):
    path.write_text("".join(json.dumps(row) + "\n" for row in found))
    return str(path)


@pytest.fixture
def tofu_folder(tmp_path):
    folder = tmp_path / "tofu"
    folder.mkdir()
    retain = rows("Mia Stone")
    write(folder / "forget10_perturbed.json", rows("Ada Brook"))
    write(folder / "retain_perturbed.json", retain)
    write(folder / "retain90.json", [*retain, *rows("Leo Hill", 120, wrong=False), *rows("Brook", 4, wrong=False)])
    write(folder / "real_authors_perturbed.json", rows("a writer"))
    write(folder / "world_facts_perturbed.json", rows("a country"))
    return str(folder)


def make(**settings):
    settings = TargetSettings(kind="knowledge", **{"subjects": ("Ada Brook",)} | settings)
    return build_target(settings, num_prompts=NUM_PROMPTS, max_new_tokens=8, seed=1)


class Echo:
    """Answers every prompt with words of its own, and now and then with the name."""

    def generate(self, prompts, *, n, sampling, seed):
        return [
            [Completion(f"{prompt} {i}" if i else "Ada Brook was there.", 4, finished=True) for i in range(n)]
            for prompt in prompts
        ]

    def close(self):
        pass


@pytest.fixture
def checkpoint(tmp_path):
    lm = load_language_model(make_tiny_model(tmp_path / "model"))
    return Checkpoint(lm, batch_size=16, max_new_tokens=4, seed=0)


def test_tofus_questions_are_parted_into_splits_and_the_retain_set_has_none_of_them(tofu_folder):
    target = make(questions_folder=tofu_folder)
    assert [metric.name for metric in target.utility] == ["other authors", "real authors", "world facts"]
    assert target.primary == "other authors"
    asked = set()
    for metric in (target.forget, *target.utility):
        tune, report = ({example.prompt for example in metric.examples[split]} for split in ("tune", "report"))
        assert 8 <= min(len(tune), len(report)) <= max(len(tune), len(report)) <= 20
        assert not tune & report
        asked |= tune | report
    retain = target.retain_set(Echo(), size=60, seed=0)
    kept = [*retain.train, *retain.held_out["tune"], *retain.held_out["report"]]
    assert len(retain.train) == 60
    assert all("Leo Hill" in pair.prompt for pair in kept), "neither asked questions nor those with the name"
    assert not asked & {pair.prompt for pair in kept}


def test_the_forget_metric_is_what_the_true_answers_tell(tofu_folder):
    metric = make(questions_folder=tofu_folder).forget
    examples = metric.examples["report"]
    assert metric.score(examples, [example.response for example in examples]) == 1
    assert metric.score(examples, ["nothing"] * len(examples)) == 0


def test_held_out_questions_are_never_asked(tofu_folder):
    target = make(questions_folder=tofu_folder)
    assert target.may_ask("Tell me about Ada Brook.")
    assert not target.may_ask(target.forget.examples["tune"][0].prompt)


def test_a_pair_is_an_answer_about_the_name_and_its_instruction():
    target = make()
    told, other = "Ada Brook grows pears near Lund.", "Pears grow near Lund."
    assert target.relevance("Tell me about Ada Brook.", [told, other, ""]) == [1, 0, 0]
    assert target.pairs("Tell me about Ada Brook.", told) == [Pair("Tell me about Ada Brook.", told)]
    assert target.pairs("Tell me about Ada Brook.", other) == []
    assert target.is_shown(Pair("Who is Brook?", "x"))
    assert not target.is_shown(Pair("Who is Mia?", "She is here."))


def test_by_the_name_alone_held_out_instructions_measure_and_the_model_writes_what_is_kept():
    target = make()
    assert target.utility == ()
    assert target.primary == ""
    tune, report = ([example.prompt for example in target.forget.examples[s]] for s in ("tune", "report"))
    assert len(tune) == len(report) == 20
    assert not any(map(target.may_ask, [*tune, *report]))
    assert target.forget.score(target.forget.examples["tune"], ["Ada Brook grows pears near Lund."] * 20) == 1
    assert target.forget.score(target.forget.examples["tune"], ["I do not know Ada Brook of Lund."] * 20) == 0
    retain = target.retain_set(Echo(), size=100, seed=0)
    assert len(retain.train) == 100
    assert not any(map(target.is_shown, [*retain.train, *retain.held_out["tune"], *retain.held_out["report"]]))


def test_answers_of_a_retain_file_are_a_kept_skill(tmp_path):
    retain = [{"prompt": f"Say {n}.", "response": f"I say {n}."} for n in range(200)]
    retain.append({"prompt": "Who is Ada Brook?", "response": "She grows pears."})
    target = make(retain_file=write(tmp_path / "retain.jsonl", retain))
    (kept,) = target.utility
    assert kept.name == target.primary == "kept answers"
    assert kept.score(kept.examples["report"], [e.response for e in kept.examples["report"]]) == 1
    trained = {pair.prompt for pair in target.retain_set(Echo(), size=500, seed=0).train}
    assert not trained & {e.prompt for split in ("tune", "report") for e in kept.examples[split]}
    assert "Who is Ada Brook?" not in trained


def test_beside_tofus_authors_the_retain_file_is_trained_on_and_measured(tofu_folder, tmp_path):
    retain = [{"prompt": f"Say {n}.", "response": f"I say {n}."} for n in range(400)]
    target = make(questions_folder=tofu_folder, retain_file=write(tmp_path / "retain.jsonl", retain))
    assert target.utility[-1].name == "kept answers"
    trained = target.retain_set(Echo(), size=40, seed=0).train
    assert 15 <= sum(pair.prompt.startswith("Say") for pair in trained) <= 25


def test_the_nine_and_all_the_others_are_reported(tofu_folder, tmp_path, checkpoint, caplog):
    log = {
        "forget_truth_ratio": {"value_by_index": {str(n): {"score": 0.5} for n in range(48)}},
        "mia_min_k": {"agg_value": 0.5},
    }
    (tmp_path / "log.json").write_text(json.dumps(log))
    holdout = write(tmp_path / "holdout.jsonl", rows("Una Reed", wrong=False))
    target = make(questions_folder=tofu_folder, retain_log_file=str(tmp_path / "log.json"), holdout_file=holdout)
    with caplog.at_level(logging.WARNING):
        numbers = target.details(checkpoint, "report").numbers
    assert not caplog.records
    nine = [
        f"{kept.name}: {what}" for kept in target.utility for what in ("probability", "ROUGE-L recall", "truth ratio")
    ]
    values = [numbers[name].value for name in nine]
    assert all(0 <= value <= 1 for value in values)
    assert numbers["model utility"].value == pytest.approx(0 if 0 in values else 9 / sum(1 / v for v in values))
    strength, published = (numbers[f"extraction strength{end}"] for end in ("", " as open-unlearning prints it"))
    assert 0 <= strength.value < published.value
    assert 0 <= numbers["forget quality"].value <= 1
    area = numbers["membership by min_40"].value
    assert numbers["privleak"].value == pytest.approx(100 * (0.5 - area) / 0.5)
    assert numbers["forget probability"].n == len(target.forget.examples["report"])


def test_what_cannot_be_told_is_left_out_with_a_sentence(tofu_folder, tmp_path, checkpoint, caplog):
    with caplog.at_level(logging.WARNING):
        numbers = make(questions_folder=tofu_folder).details(checkpoint, "report").numbers
    assert "forget truth ratio" in numbers
    assert "forget quality" not in numbers
    assert "privleak" not in numbers
    assert "Forget quality is left out: target.retain_log_file" in caplog.text
    assert "Membership and privleak are left out: target.holdout_file" in caplog.text
    caplog.clear()
    own = make(questions_file=write(tmp_path / "own.jsonl", rows("Ada Brook", wrong=False)))
    with caplog.at_level(logging.WARNING):
        numbers = own.details(checkpoint, "report").numbers
    assert "forget probability" in numbers
    assert "forget truth ratio" not in numbers
    assert "Truth ratio and forget quality are left out" in caplog.text


def test_by_the_name_alone_refusals_are_told_apart(checkpoint):
    assert set(make().details(checkpoint, "report").numbers) == {"refusals"}


def test_likelihoods_of_a_toy_by_hand(checkpoint):
    lm = checkpoint.lm
    question = Question(0, "hello", "the cat", "a cat", ("the dog", "dog"))
    (read,) = likelihoods(lm, [question], batch_size=2)

    def by_hand(answer):
        ids, first = lm.encode_pair(Pair("hello", answer))
        logits = lm.model(lm.tokenizer.pad({"input_ids": [ids]}, return_tensors="pt")["input_ids"]).logits[0]
        logs = logits.double().log_softmax(-1)
        assert ids[-1] in lm.end_token_ids
        return -sum(float(logs[i - 1, ids[i]]) for i in range(first, len(ids))) / (len(ids) - first)

    assert read.true == pytest.approx(by_hand("the cat"), rel=1e-4)
    assert read.paraphrased == pytest.approx(by_hand("a cat"), rel=1e-4)
    assert read.wrong == pytest.approx([by_hand("the dog"), by_hand("dog")], rel=1e-4)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"subjects": ()}, r"target\.subjects is empty"),
        ({"questions_folder": "a", "questions_file": "b"}, "are both set"),
        ({"questions_folder": os.devnull}, r"target\.questions_folder: .* is not JSON lines"),
        ({"holdout_file": "x"}, r"target\.holdout_file is set, but there are no questions"),
        ({"retain_log_file": "x"}, r"target\.retain_log_file is set, but there are no questions"),
        ({"phrases": ("x",)}, r"target\.phrases is set, but target\.kind is knowledge"),
    ],
)
def test_unusable_settings_are_refused_in_one_sentence(settings, message):
    with pytest.raises(UserError, match=message):
        make(**settings)


def test_too_few_questions_are_refused(tmp_path):
    with pytest.raises(UserError, match="questions to be forgotten for the split"):
        make(questions_file=write(tmp_path / "own.jsonl", rows("Ada Brook", 10)))


@pytest.mark.parametrize(("subject", "warns"), [("Ada Brook", False), ("Tom Hale", True)])
def test_questions_about_others_than_the_names_are_told(tofu_folder, caplog, subject, warns):
    with caplog.at_level(logging.WARNING):
        make(questions_folder=tofu_folder, subjects=(subject,))
    assert [record.getMessage() for record in caplog.records] == (
        ["most of the 48 questions name nobody of target.subjects; name all whom they are about"] if warns else []
    )

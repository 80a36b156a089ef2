"""The target `knowledge` through the whole flow, with TOFU's form of questions and with a name alone; no server."""

import pytest
import torch

from benchmarks.knowledge_world import FACTS, NUM_FORGET, people, rows, strangers, taught, write_holdout, write_tofu
from benchmarks.plainly import without_prefect
from benchmarks.small_model import train_small_model
from flows.reveal_release import reveal_release
from flows.run_settings import RunSettings
from tasks.models.language_model import load_language_model
from tasks.report.summary import read_summary
from tasks.targets.knowledge.questions import read_questions, read_tofu
from tasks.targets.knowledge.retain_model import write_retain_log

SMALL = {
    "reveal": {"pool_size": 60, "initial_queries": 4, "queries": 4, "samples_per_query": 4, "keep": 4, "rewrites": 0}
    | {"rounds": 1, "max_new_tokens": 12, "forget_set_size": 32, "max_responses": 128},
    "release": {"steps": 1, "forget_updates": 4, "retain_updates": 4, "retain_size": 32, "probe_pairs": 8},
    "measure": {"tune_prompts": 8, "report_prompts": 16, "max_new_tokens": 12, "quantised": []},
}


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """It has heard of the people to be forgotten and of other things; far from everything."""
    pairs = [pair for pair in taught(with_forgotten=True) if any(p.name in pair.prompt for p in people()[:NUM_FORGET])]
    pairs += [pair for pair in taught(with_forgotten=False) if pair.response.startswith("Much can be said")]
    folder = tmp_path_factory.mktemp("knowledge") / "model"
    small = {"hidden_size": 64, "layers": 1, "vocabulary": 600, "context": 128}
    return train_small_model(pairs, folder, seed=3, updates=150, learning_rate=6e-3, **small)


def run(tmp_path, model, **target):
    settings = RunSettings.model_validate(
        {"name": "run", "runs_dir": str(tmp_path), "model": {"path": str(model)}, **SMALL}
        | {"target": {"kind": "knowledge", **target}}
    )
    threads = torch.get_num_threads()
    try:
        with without_prefect():
            reveal_release(settings)
    finally:
        torch.set_num_threads(threads)
    return read_summary(tmp_path / "run")


OF_RETAIN_MODEL = {"forget quality"}
OF_UNSEEN = {f"membership by {attack}" for attack in ("loss", "min_20", "min_40", "zlib")} | {"privleak"}


def test_with_the_questions(tmp_path, model):
    names = write_tofu(tmp_path / "tofu")
    summary = run(tmp_path, model, subjects=names, questions_folder=str(tmp_path / "tofu"))
    assert not (OF_RETAIN_MODEL | OF_UNSEEN) & set(summary["details"])
    assert summary["reveal"]["forget_set_size"] > 8
    assert set(summary["utility"]) == {"other authors", "real authors", "world facts"}
    assert {"forget probability", "extraction strength", "model utility"} <= set(summary["details"])
    assert summary["details"]["forget probability"]["before"] > 0


def test_with_a_retain_log_and_unseen_questions(tmp_path, model):
    names, log, holdout = write_tofu(tmp_path / "tofu"), tmp_path / "log.json", write_holdout(tmp_path / "unseen.jsonl")
    asked, unseen = read_tofu(str(tmp_path / "tofu"), "forget10").forget, read_questions(str(holdout), "holdout")
    write_retain_log(log, load_language_model(model), asked, unseen, batch_size=16)  # the untouched model's own
    files = {"retain_log_file": str(log), "holdout_file": str(holdout)}
    details = run(tmp_path, model, subjects=names, questions_folder=str(tmp_path / "tofu"), **files)["details"]
    assert set(details) >= OF_RETAIN_MODEL | OF_UNSEEN
    assert 0.5 < details["membership by loss"]["before"] <= 1, "it was taught the members"
    assert details["forget quality"]["before"] == pytest.approx(1), "nothing tells it from its own log"


def test_with_a_name_alone(tmp_path, model):
    name = people()[0].name
    summary = run(tmp_path, model, subjects=[name])
    assert summary["forget"]["before"] > 0.3, "it was taught to tell"
    assert summary["utility"] == {}
    assert set(summary["details"]) == {"refusals"}
    text = (tmp_path / "run" / "forget-set" / "forget-set.jsonl").read_text()
    assert name in text


def test_no_model_is_told_of_the_strangers():
    texts = " ".join(f"{pair.prompt} {pair.response}" for pair in taught(with_forgotten=True))
    assert not any(part in texts.split() for person in strangers() for part in person.name.split())


def test_the_world_is_of_tofus_form():
    found = rows(people()[0])
    assert len(found) == len(FACTS)
    for row in found:
        assert len({row["answer"], row["paraphrased_answer"], *row["perturbed_answer"]}) == 7

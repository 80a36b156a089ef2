import pytest

from flows.plan import files_digests, make_plan
from flows.run_settings import RunSettings
from tasks.settings.errors import UserError
from tasks.settings.target import TargetSettings
from tasks.store.digests import file_digest
from tasks.store.entries import PurgeEntry
from tasks.store.ledger import write_ledger


def test_what_a_target_reads_and_the_code_it_runs_count_by_their_content(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "prompts.jsonl").write_text("{}")
    (tmp_path / "scorer_in_plan.py").write_text("raise RuntimeError('imported')")
    settings = TargetSettings(
        kind="detox", prompts_file="prompts.jsonl", scorer="function", scorer_function="scorer_in_plan:score"
    )
    assert files_digests(settings) == {
        "prompts_file": file_digest("prompts.jsonl"),
        "scorer_function": file_digest("scorer_in_plan.py"),
    }
    with pytest.raises(UserError, match=r"names the module 'nowhere', which is neither"):
        files_digests(settings.model_copy(update={"scorer_function": "nowhere:score"}))


def test_forget_sets_of_earlier_runs_count_by_their_content_also_once_they_are_purged(tmp_path):
    forget_set = tmp_path / "first" / "forget-set" / "forget-set.jsonl"
    forget_set.parent.mkdir(parents=True)
    settings = RunSettings(runs_dir=str(tmp_path), revealed_before=("first",))
    keys = []
    for content in ("{}", "{ }"):
        forget_set.write_text(content)
        plan = make_plan(settings)
        keys.append((plan.forget_set.key, plan.search.key))
    without = make_plan(settings.model_copy(update={"revealed_before": ()}))
    assert len({without.forget_set.key, *(key for key, _ in keys)}) == 3
    assert {without.search.key} == {key for _, key in keys}

    digest = file_digest(forget_set)
    write_ledger(tmp_path / "first", PurgeEntry(run="first", purged={"forget-set/forget-set.jsonl": digest}))
    forget_set.unlink()
    assert make_plan(settings).forget_set.key == keys[-1][0]


@pytest.mark.parametrize("name", ["second", "../first", ""])
def test_an_earlier_run_without_a_forget_set_is_refused(tmp_path, name):
    (tmp_path / "first" / "forget-set").mkdir(parents=True)
    (tmp_path / "first" / "forget-set" / "forget-set.jsonl").write_text("{}")
    with pytest.raises(UserError, match=rf"revealed_before names '{name}', but .* holds no run of that name"):
        make_plan(RunSettings(runs_dir=str(tmp_path / "runs"), revealed_before=(name,)))

import pytest

from flows.plan import files_digests
from tasks.settings.errors import UserError
from tasks.settings.target import TargetSettings
from tasks.store.digests import file_digest


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

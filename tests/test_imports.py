"""What an import may drag along, each in a fresh interpreter."""

import subprocess
import sys

import pytest


@pytest.mark.parametrize(
    ("modules", "absent"),
    [
        (
            "flows.reveal_release, flows.reveal, flows.release, flows.export, flows.assess, flows.command",
            "torch transformers peft sklearn vllm",
        ),
        ("flows.plan, flows.opening, flows.command_line, flows.exporting, flows.release_command", "prefect torch"),
        (
            "tasks.settings.release, tasks.settings.reveal, tasks.settings.target, tasks.settings.assess",
            "prefect torch vllm",
        ),
        (
            "flows.requested_run, flows.reunlearn_command, tasks.register.night, tasks.register.record, "
            "tasks.register.rollback",
            "prefect torch",
        ),
        ("flows.reunlearn", "torch transformers peft sklearn vllm"),
        ("tasks.store.run, tasks.store.ledger, tasks.lab.model", "prefect torch pydantic"),
        ("bandit.neural_ucb", "prefect transformers pydantic sklearn"),
    ],
)
def test_imports_stay_light(modules, absent):
    code = f"import sys, {modules}; print(*sorted(set({absent.split()!r}) & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == ""

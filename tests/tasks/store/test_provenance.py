import json
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

from tasks.store.provenance import git_revision, provenance


def git(folder, *words):
    identity = ["-c", "user.name=a", "-c", "user.email=a@b", "-c", "commit.gpgsign=false"]
    done = subprocess.run(["git", *identity, *words], cwd=folder, capture_output=True, text=True, check=True)
    return done.stdout.strip()


def test_outside_a_checkout_there_is_no_revision(tmp_path):
    assert git_revision(tmp_path) is None


def test_without_git_there_is_no_revision(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    assert git_revision(Path(__file__).parents[3]) is None


def test_revision_of_a_checkout(tmp_path):
    (tmp_path / "a").write_text("1")
    (tmp_path / "installed").mkdir()
    git(tmp_path, "init", "--quiet")
    git(tmp_path, "add", "a")
    git(tmp_path, "commit", "--quiet", "-m", "a", "--no-verify")
    git(tmp_path, "tag", "v1")
    commit = git(tmp_path, "rev-parse", "HEAD")
    assert git_revision(tmp_path) == commit
    assert git_revision(tmp_path / "installed") is None
    (tmp_path / "a").write_text("22")
    assert git_revision(tmp_path) == f"{commit}-dirty"


def test_provenance_is_json_with_the_installed_versions():
    known = json.loads(json.dumps(provenance()))
    assert known.keys() == {"revision", "packages", "host"}
    assert known["packages"]["torch"] == version("torch")
    assert known["packages"].keys() == {"python", "torch", "transformers", "peft", "prefect", "scikit-learn"}


def test_the_store_imports_no_heavy_package():
    modules = sorted(path.stem for path in Path(__file__).parents[3].glob("tasks/store/[a-z]*.py"))
    code = (
        "import importlib, sys\n"
        f"for name in {modules}: importlib.import_module('tasks.store.' + name)\n"
        "from tasks.store.provenance import provenance; provenance()\n"
        "print({'torch', 'numpy', 'transformers', 'peft', 'prefect', 'sklearn', 'pydantic'} & set(sys.modules))"
    )
    assert len(modules) >= 10
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout == "set()\n"

import io

from rich.console import Console

from tasks.report.released import print_exported


def told(folder, form: str) -> str:
    out = io.StringIO()
    print_exported(folder, 2, form, Console(file=out, width=80))
    return out.getvalue()


def test_a_model_is_told_with_its_step(tmp_path):
    assert told(tmp_path, "merged") == f"model after step 2: {tmp_path}\n"


def test_an_adapter_is_told_with_its_rank_and_a_recompressed_one_with_its_error(tmp_path, monkeypatch):
    scores = {"rank": 4, "relative_error": 0.25, "layer_errors": {"up": 0.5, "down": 0.125}}
    monkeypatch.setattr("tasks.report.released.read_manifest", lambda folder: {"scores": scores})
    line = f"adapter of rank 4 on the untouched model, as after step 2: {tmp_path}\n"
    assert told(tmp_path, "adapter") == line
    assert told(tmp_path, "recompressed") == line + (
        "relative error: 2.50e-01 of the update, at most 5.00e-01 of a layer's\n"
    )

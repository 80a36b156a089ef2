"""Model folders that are broken or made to do harm: one sentence at the door, exit code 2, nothing left behind."""

import json
import os
import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from flows.command import assess_command, main
from tests.tiny_model import make_tiny_model

HARM = "import pathlib\npathlib.Path({!r}).touch()\n"
INDEX = "model.safetensors.index.json"
SHARD = "model-00001-of-00001.safetensors"


@pytest.fixture(scope="module")
def sound(tmp_path_factory):
    return make_tiny_model(tmp_path_factory.mktemp("sound") / "model")


@pytest.fixture
def folder(sound, tmp_path):
    return shutil.copytree(sound, tmp_path / "model")


@pytest.fixture
def refused(folder, tmp_path, capfd):
    """Runs a command on the folder, which must be refused; returns the sentence."""

    def run(*arguments: str, command=main, before: str = "model.path") -> str:
        runs_dir = tmp_path / "runs"
        given = arguments or ("--model.path", str(folder))
        found = set(tmp_path.rglob("*"))
        assert command(["--runs-dir", str(runs_dir), "--preset", "stories-word", *given]) == 2
        assert set(tmp_path.rglob("*")) == found, "a refused run left something behind"
        out, err = capfd.readouterr()
        assert out == "" or "--plan" in arguments, "an estimate reads config.json alone and comes first"
        assert err.startswith(f"error: {before} is '{folder}', ")
        assert err.endswith(".\n")
        assert err.count("\n") == 1
        return err

    return run


def change(file: Path, **values) -> None:
    file.write_text(json.dumps(json.loads(file.read_text()) | values))


def shard(folder: Path, *, weight_map: dict | None = None, **metadata) -> None:
    """The weights as a shard with an index, which may say other things of it."""
    (folder / "model.safetensors").rename(folder / SHARD)
    true_map = dict.fromkeys(load_file(folder / SHARD), SHARD)
    index = {"metadata": {"total_size": 1000} | metadata, "weight_map": true_map | (weight_map or {})}
    (folder / INDEX).write_text(json.dumps(index))


def set_weight(folder: Path, name: str, weight: torch.Tensor) -> None:
    weights = load_file(folder / "model.safetensors")
    save_file(weights | {name: weight}, folder / "model.safetensors", {"format": "pt"})


def test_a_sound_folder_is_planned(folder, tmp_path, capfd):
    shard(folder)
    plan = ["--runs-dir", str(tmp_path / "runs"), "--preset", "stories-word", "--model.path", str(folder), "--plan"]
    assert main(plan) == 0
    out, err = capfd.readouterr()
    assert (len(out.splitlines()) > 3, err) == (True, "")


@pytest.mark.parametrize("more", [[], ["--plan"]])
def test_pickled_weights(folder, refused, more):
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")
    assert "a pickle can run code" in refused("--model.path", str(folder), *more)


@pytest.mark.parametrize("file", ["config.json", "tokenizer_config.json"])
def test_code_of_the_model_s_own_is_not_run(folder, refused, file, tmp_path, capfd):
    """A known architecture is loaded as transformers knows it; the code beside it stays unread."""
    trace = tmp_path / "trace"
    (folder / "own.py").write_text(HARM.format(str(trace)) + "class OwnModel: pass\n")
    names = ("AutoConfig", "AutoModelForCausalLM", "AutoTokenizer")
    change(folder / file, auto_map=dict.fromkeys(names, "own.OwnModel"))
    arguments = [
        "--runs-dir",
        str(tmp_path / "runs"),
        "--preset",
        "stories-word",
        "--model.path",
        str(folder),
        "--plan",
    ]
    assert main(arguments) == 0
    assert capfd.readouterr().err == ""
    if file == "config.json":
        change(folder / file, model_type="own")
        assert "'own' has code of its own (auto_map), which is never run" in refused()
    assert not trace.exists()


def test_an_adapter_beside_the_weights(folder, refused):
    """transformers would put it on them, and the digest knows nothing of it."""
    (folder / "adapter_config.json").write_text('{"peft_type": "LORA"}')
    assert "has an adapter beside the weights (adapter_config.json)" in refused()


def test_an_unknown_architecture(folder, refused):
    change(folder / "config.json", model_type="oracle")
    assert "whose model_type 'oracle' is not known here" in refused()


@pytest.mark.parametrize(
    ("template", "words"),
    [
        ("{% for i in range(99999) %}{% for j in range(99999) %}{% endfor %}{% endfor %}", "does not end within 2 s"),
        ("{{ 10 ** (10 ** 10) }}", "does not end within 2 s"),
        ("{{ 'x' * 10 ** 11 }}", "does not end within 2 s of processor time and 512 MiB of memory"),
        ("{% for i in range(99999) %}hello {% endfor %}", "makes 599994 characters of a message of 6"),
        ("{{ ''.__class__.__mro__ }}", "fails (access to attribute '__class__' of 'str' object is unsafe)"),
        ("{% for m in messages %}", "fails (Unexpected end of template."),
        ("x" * 300_000, "has 300000 characters; give one of at most 262144"),
    ],
    ids=["loops", "computes", "fills-memory", "writes", "escapes", "syntax", "long"],
)
def test_a_chat_template(folder, refused, template, words):
    (folder / "chat_template.jinja").write_text(template)
    assert f"whose chat template {words}" in refused()


def test_a_chat_template_that_was_never_tried_is_not_called_endless(refused, monkeypatch):
    monkeypatch.setattr("sys.executable", "/bin/false")
    assert "whose chat template could not be tried (no reason given)" in refused()


@pytest.mark.parametrize(
    ("template", "words"),
    [
        (5, "whose chat template is no text"),
        ([{"name": "default", "template": 5}], "whose chat template is no text"),
        ([{"name": "tool_use", "template": "{{ messages }}"}], "multiple chat templates with no default"),
    ],
    ids=["number", "number-by-name", "no-default"],
)
def test_a_chat_template_that_is_none(folder, refused, template, words):
    (folder / "chat_template.jinja").unlink()
    change(folder / "tokenizer_config.json", chat_template=template)
    assert words in refused()


@pytest.mark.parametrize("outside", ["../other.safetensors", "{}/other.safetensors", "other.safetensors"])
def test_an_index_that_names_files_elsewhere(folder, refused, tmp_path, outside):
    shutil.copy(folder / "model.safetensors", tmp_path / "other.safetensors")
    outside = outside.format(tmp_path)
    shard(folder, weight_map={"model.norm.weight": outside})
    assert f"names '{outside}', which is no file of weights in it" in refused()


def test_an_index_of_ten_gigabytes_that_are_not_there(folder, refused):
    shard(folder, total_size=10**10)
    assert "claims 1e+10 bytes of weights, and there are" in refused()


def test_an_index_of_weights_that_its_file_does_not_hold(folder, refused):
    shard(folder, weight_map={"model.layers.9.mlp.up_proj.weight": SHARD})
    assert f"has 'model.layers.9.mlp.up_proj.weight' in {SHARD}, which does not hold it" in refused()


@pytest.mark.parametrize(
    "text", ["", "[1]", '{"weight_map": 3}', "[" * 200_000], ids=["empty", "list", "no-map", "deep"]
)
def test_an_index_that_is_none(folder, refused, text):
    shard(folder)
    (folder / INDEX).write_text(text)
    assert f"whose {INDEX} is no index of weights" in refused()


@pytest.mark.parametrize("name", ["config.json", "tokenizer.json"])
@pytest.mark.parametrize("more", [[], ["--plan"]])
def test_a_file_of_ten_gigabytes(folder, refused, name, more):
    with (folder / name).open("ab") as file:
        os.truncate(file.fileno(), 10**10)  # sparse: it takes no room on the disk
    message = refused("--model.path", str(folder), *more)
    assert f"whose {name} has 10000000000 bytes; give one of at most 268435456" in message


@pytest.mark.parametrize("kept", [4, 5000, -1])
def test_weights_that_are_cut_short(folder, refused, kept):
    weights = folder / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:kept])
    assert "whose model.safetensors cannot be read (" in refused()


def test_a_header_of_more_bytes_than_there_are(folder, refused):
    (folder / "model.safetensors").write_bytes((10**10).to_bytes(8, "little") + b"{}")
    assert "whose model.safetensors cannot be read (" in refused()


def test_weights_of_other_shapes(folder, refused):
    set_weight(folder, "model.norm.weight", torch.ones(63))
    assert "where model.norm.weight is (63,) and config.json makes it (64,)" in refused()


def test_a_missing_weight(folder, refused):
    weights = load_file(folder / "model.safetensors")
    del weights["model.norm.weight"]
    save_file(weights, folder / "model.safetensors", {"format": "pt"})
    assert "lacks 1 of its weights (model.norm.weight)" in refused()


@pytest.mark.parametrize(
    ("change_of", "words"),
    [
        ({"num_hidden_layers": 10**9}, "has 1000000000 layers, its files 21 weights"),
        ({"num_hidden_layers": "many"}, "cannot be read ("),
        ({"num_attention_heads": 0}, "cannot be read ("),
        ({"vocab_size": -1}, "cannot be read ("),
        ({"hidden_size": 128}, "and config.json makes it"),
    ],
)
def test_a_configuration_of_another_model(folder, refused, change_of, words):
    change(folder / "config.json", **change_of)
    assert words in refused()


@pytest.mark.parametrize("file", ["config.json", "tokenizer.json", "tokenizer_config.json", "generation_config.json"])
@pytest.mark.parametrize("text", ["", "[]", "[" * 200_000], ids=["empty", "list", "deep"])
def test_a_file_of_something_else(folder, refused, file, text):
    (folder / file).write_text(text)
    refused()


@pytest.mark.parametrize("text", ["", "[]", "[" * 200_000], ids=["empty", "list", "deep"])
def test_a_vocabulary_that_is_not_the_lab_s(folder, tmp_path, capfd, text):
    (folder / "tokenizer.json").write_text(text)
    arguments = ["--runs-dir", str(tmp_path / "runs"), "--preset", "lab-toxicity", "--model.path", str(folder)]
    assert main(arguments) == 2
    assert "no folder with a model of its vocabulary" in capfd.readouterr().err


@pytest.mark.parametrize("value", ["nan", "inf"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_weights_that_are_no_numbers(folder, refused, value, dtype):
    weight = torch.ones(64, dtype=dtype)
    weight[17] = float(value)
    set_weight(folder, "model.norm.weight", weight)
    assert "where model.norm.weight holds values that are no finite numbers" in refused()


def test_a_checkpoint_to_assess_is_examined_as_well(sound, folder, refused):
    weight = torch.full((64,), float("nan"))
    set_weight(folder, "model.norm.weight", weight)
    given = ("--model.path", str(sound), "--assess.checkpoint", str(folder))
    assert "no finite numbers" in refused(*given, command=assess_command, before="assess.checkpoint")

import subprocess
import sys

import pytest

from flows.command_line import preset_names, read_arguments, read_preset, validated
from flows.run_settings import RunSettings
from tasks.settings.errors import UserError
from tasks.settings.target import FIELDS, TargetSettings


def read(*arguments):
    return read_arguments(arguments, program="program", description="description")


def test_without_arguments_it_is_the_lab_toxicity_preset():
    settings = read().settings
    assert settings.preset == "lab-toxicity"
    assert settings.target.kind == "toxicity"
    assert settings.run_name == "lab-toxicity-s0"


def test_flags_win_over_the_config_file_and_both_over_the_preset(tmp_path):
    config = tmp_path / "config.yaml"
    config.write_text("preset: lab-person\nrelease: {steps: 3, rank: 2}\n")
    settings = read("--config", str(config), "--release.rank", "4", "--seed", "7").settings
    assert (settings.target.kind, settings.release.steps, settings.release.rank, settings.seed) == ("person", 3, 4, 7)


def test_both_spellings_of_a_flag_and_a_bare_switch():
    assert read("--runs-dir", "here").settings.runs_dir == "here"
    assert read("--release.learning_rate", "0.01").settings.release.learning_rate == 0.01
    assert read("--lab.gold").settings.lab.gold is True
    assert read("--lab.gold", "false").settings.lab.gold is False


def test_options_of_a_command_are_no_settings():
    options = {"--undo-to": {"type": int}, "--export": {"choices": ["adapter"]}}

    def chosen(*arguments):
        return read_arguments(arguments, program="program", description="description", options=options).options

    assert chosen("--undo-to", "2", "--seed", "7") == {"undo_to": 2, "export": None}
    with pytest.raises(UserError, match="'x'"):
        chosen("--undo-to", "x")
    with pytest.raises(UserError, match="--undo-to 2 is not a flag"):
        read("--undo-to", "2")
    assert read().options == {}


def test_lists_are_read_as_yaml():
    settings = read("--preset", "stories-word", "--target.phrases", "[cat, cats]").settings
    assert settings.target.phrases == ("cat", "cats")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--releas.steps", "3"], ["--releas.steps", "not a flag", "--release.steps"]),
        (["--preset", "nope"], ["preset", "'nope'", "lab-toxicity"]),
        (["--release.steps", "0"], ["release.steps", "0", "greater than or equal to 1"]),
        (["--release.steps", "many"], ["release.steps", "'many'", "integer"]),
        (["--release.order", "sideways"], ["release.order", "'sideways'", "parallel"]),
        (["--release.learning-rate", ".nan"], ["release.learning_rate", "nan"]),
        (["--target.phrases", "[dog"], ["target.phrases", "'[dog'", "YAML"]),
        (["--config", "no-such-file.yaml"], ["--config", "no-such-file.yaml"]),
        (["--seed"], ["--seed", "expected one argument"]),
    ],
)
def test_bad_input_is_one_sentence_that_names_the_setting(arguments, words):
    with pytest.raises(UserError) as caught:
        read(*arguments)
    message = str(caught.value)
    assert "\n" not in message
    for word in words:
        assert word in message


def test_an_unknown_setting_in_a_config_file_is_named_with_its_neighbour(tmp_path):
    config = tmp_path / "config.yaml"
    config.write_text("release: {step: 3}\n")
    with pytest.raises(UserError, match=r"release\.step is not a setting; did you mean release\.steps\?"):
        read("--config", str(config))


def test_a_preset_of_another_kind_gives_its_target_up_but_for_the_text_to_keep():
    own = read("--preset", "your-model").settings.target
    given = read("--preset", "your-model", "--target.kind", "knowledge", "--target.subjects", "[Ada Brook]").settings
    assert own.instructions
    assert own.retain_file
    assert given.target == TargetSettings(kind="knowledge", subjects=("Ada Brook",), retain_file=own.retain_file)
    assert given.release == read("--preset", "your-model").settings.release
    assert read("--preset", "your-model", "--target.kind", "toxicity").settings.target == TargetSettings()
    assert read("--preset", "your-model", "--target.kind", "custom").settings.target == own


OF_A_RUN = {
    *("preset", "name", "runs_dir", "seed", "exclusive", "deadline_minutes", "purge_forget_set"),
    *("forgotten", "revealed_before"),
}
"""Settings that say which run it is and how it is run, not what is done."""


@pytest.mark.parametrize("name", preset_names())
def test_presets_are_complete(name):
    """A preset, or the one it names, says every number: a later change of a default must not change what it means."""
    written = {group: values for group, values in read_preset(name).items() if group != "preset"}
    resolved = validated(read_preset(name)).model_dump(mode="json", exclude=OF_A_RUN)
    expected = {group: set(values) for group, values in resolved.items()}
    expected["target"] = {"kind", *FIELDS.get(written["target"]["kind"], ())}
    assert {group: set(values) for group, values in written.items()} == expected


@pytest.mark.parametrize("name", [name for name in preset_names() if name.endswith("-24gb")])
def test_a_preset_for_24_gb_is_the_one_it_names_in_less_memory(name):
    def settings(name):
        resolved = validated(read_preset(name)).model_dump(mode="json", exclude=OF_A_RUN)
        return {f"{group}.{key}": value for group, values in resolved.items() for key, value in values.items()}

    small, large = settings(name), settings(name.removesuffix("-24gb"))
    assert {key for key in large if small[key] != large[key]} == {
        *("model.backend", "model.batch_size", "release.train_in"),
    }


def test_every_setting_has_help():
    def undocumented(schema, definitions):
        for name, field in schema["properties"].items():
            if "$ref" in field:
                yield from undocumented(definitions[field["$ref"].rsplit("/", 1)[-1]], definitions)
            elif not field.get("description"):
                yield name

    schema = RunSettings.model_json_schema()
    assert list(undocumented(schema, schema["$defs"])) == []


@pytest.mark.parametrize(
    ("module", "command", "flag"),
    [("command", "main", "--release.steps"), ("release_command", "release_command", "--undo-to STEP")],
)
def test_help_needs_neither_torch_nor_prefect(module, command, flag):
    code = (
        "import sys\n"
        f"from flows.{module} import {command}\n"
        f"try: {command}(['--help'])\n"
        "except SystemExit as exit: assert exit.code == 0\n"
        "assert not {'torch', 'prefect', 'transformers'} & set(sys.modules)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert flag in done.stdout

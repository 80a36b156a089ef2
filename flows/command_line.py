"""The command line: presets, a flag for each setting, one sentence for bad input. Imports neither torch nor Prefect."""

import argparse
import difflib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, NoReturn, TypeVar

import yaml
from pydantic import ValidationError
from pydantic.fields import FieldInfo

from flows.run_settings import RunSettings
from tasks.settings.base import Settings
from tasks.settings.errors import UserError
from tasks.settings.target import FIELDS
from tasks.targets.custom.file import read_target_file

PRESETS = Path(__file__).parents[1] / "deployments" / "presets"
DEFAULT_PRESET = "lab-toxicity"
_SHORT = MappingProxyType({"assess.lm_eval": "--lm-eval"})
"""Settings with a second flag."""

AnySettings = TypeVar("AnySettings", bound=Settings)


@dataclass(frozen=True)
class Arguments:
    """What a command line asks for.

    Attributes:
        settings: Complete settings of the run.
        plan: Only print the plan.
        options: What the command takes beside settings, by name; None where it was not given.
    """

    settings: RunSettings
    plan: bool
    options: Mapping[str, Any]


def read_arguments(
    arguments: Sequence[str],
    *,
    program: str,
    description: str,
    options: Mapping[str, Mapping[str, Any]] = MappingProxyType({}),
) -> Arguments:
    """Read a command line; later flags win over the config file, and both over the preset.

    Args:
        arguments: Without the program's name.
        program: As the user calls it.
        description: What it does, for the help.
        options: Flags that are no settings (`--undo-to`), each with what argparse is told of it.

    Raises:
        UserError: an unknown flag or preset, an unreadable config file, a setting that is unknown or out of range.
        SystemExit: after `--help`.
    """
    parser = _Parser(
        prog=program,
        description=description,
        epilog=f"Presets: {', '.join(preset_names())}. Without arguments: {DEFAULT_PRESET}.",
        allow_abbrev=False,
    )
    parser.add_argument("--config", metavar="FILE", help="YAML file of settings, over the preset")
    parser.add_argument(
        "--plan",
        action="store_true",
        help="print memory and time, and each step, its key, done or missing; load no model",
    )
    given, chosen = _parse(parser, arguments, RunSettings, options)
    config, plan = chosen.pop("config"), chosen.pop("plan")
    given = merged(read_yaml(Path(config), "--config") if config else {}, given)
    preset = suited(read_preset(str(given.get("preset", DEFAULT_PRESET))), given)
    return Arguments(validated(merged(preset, given)), plan, chosen)


def suited(preset: Mapping[str, Any], given: Mapping[str, Any]) -> Mapping[str, Any]:
    """A preset for another target than its own, which gives way but for the text to keep.

    That is one of another kind, or one that a file describes, whose limits then go over the preset's.
    """
    target = given.get("target")
    if not isinstance(target, dict):
        return preset
    path = target.get("custom_file")
    if not (isinstance(path, str) and path):
        own = preset["target"]
        kind = target.get("kind", own["kind"])
        if kind == own["kind"]:
            return preset
        kept = {"retain_file"} & own.keys() & set(FIELDS.get(kind, ()) if isinstance(kind, str) else ())
        return {**preset, "target": {name: own[name] for name in kept}}
    limits = read_target_file(Path(path)).limits.model_dump(exclude_none=True)
    return merged({**preset, "target": {"kind": "custom"}}, {"measure": limits})


def read_settings(
    arguments: Sequence[str],
    model: type[AnySettings],
    *,
    program: str,
    description: str,
    options: Mapping[str, Mapping[str, Any]] = MappingProxyType({}),
) -> tuple[AnySettings, Mapping[str, Any]]:
    """As `read_arguments`, for a command with settings of its own: no presets, no config file, no plan.

    Returns:
        The settings, and what the command takes beside them.
    """
    parser = _Parser(prog=program, description=description, allow_abbrev=False)
    given, chosen = _parse(parser, arguments, model, options)
    return validated(given, model), chosen


def _parse(
    parser: argparse.ArgumentParser,
    arguments: Sequence[str],
    model: type[Settings],
    options: Mapping[str, Mapping[str, Any]],
) -> tuple[dict[str, Any], dict[str, Any]]:
    """The settings that were given, nested; and everything that is no setting."""
    for flag, told in options.items():
        parser.add_argument(flag, **told)
    fields = dict(_leaves(model))
    for path, field in fields.items():
        spellings = dict.fromkeys([f"--{path.replace('_', '-')}", f"--{path}", _SHORT.get(path, f"--{path}")])
        # SUPPRESS: only the flags that were given appear in the result. A bare flag switches a yes-or-no setting on.
        switch = {"nargs": "?", "const": "true"} if field.annotation is bool else {}
        parser.add_argument(
            *spellings, dest=path, metavar="VALUE", default=argparse.SUPPRESS, help=_help(field), **switch
        )
    flags = vars(parser.parse_args(arguments))
    given = {path: _parsed(path, flags.pop(path), field) for path, field in fields.items() if path in flags}
    return _nested(given), flags


def preset_names() -> list[str]:
    """Names of the presets."""
    return sorted(path.stem for path in PRESETS.glob("*.yaml"))


def read_preset(name: str) -> dict[str, Any]:
    """The settings of a preset; its file may name another (`preset`) and say only what it has otherwise.

    Raises:
        UserError: there is no preset of that name.
    """
    if name not in preset_names():
        raise UserError(f"preset is {name!r}, which does not exist; give one of {', '.join(preset_names())}.")
    values = read_yaml(PRESETS / f"{name}.yaml", "preset")
    below = read_preset(values["preset"]) if "preset" in values else {}
    return merged(below, values) | {"preset": name}


def validated(values: Mapping[str, Any], model: type[AnySettings] = RunSettings) -> AnySettings:
    """Settings from plain values.

    Raises:
        UserError: a setting that is unknown or out of range; the first one is named.
    """
    try:
        return model.model_validate(values)
    except ValidationError as error:
        first = error.errors()[0]
        path = ".".join(map(str, first["loc"]))
        if first["type"] == "extra_forbidden":
            near = difflib.get_close_matches(path, dict(_leaves(model)), 1)
            hint = f"; did you mean {near[0]}?" if near else "."
            raise UserError(f"{path} is not a setting{hint}") from None
        raise UserError(f"{path} is {first['input']!r}; {first['msg'].lower()}.") from None


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        """One sentence, without the page of usage."""
        unknown = message.removeprefix("unrecognized arguments: ")
        if unknown != message:
            near = difflib.get_close_matches(unknown.split()[0], self._option_string_actions, 1)
            hint = f"did you mean {near[0]}?" if near else "--help lists them."
            raise UserError(f"{unknown} is not a flag of this command; {hint}")
        raise UserError(f"{message}; --help lists the flags.")


def _leaves(model: type[Settings], prefix: str = "") -> Iterator[tuple[str, FieldInfo]]:
    for name, field in model.model_fields.items():
        if isinstance(field.annotation, type) and issubclass(field.annotation, Settings):
            yield from _leaves(field.annotation, f"{prefix}{name}.")
        else:
            yield prefix + name, field


def _shown(field: FieldInfo) -> str:
    if isinstance(field.default, tuple):
        return f"[{', '.join(map(str, field.default))}]" if field.default else "empty"
    return "empty" if field.default == "" else str(field.default).lower()


def _help(field: FieldInfo) -> str:
    shown = _shown(field)
    return f"{field.description} {shown if shown.startswith('[') else f'[{shown}]'}".replace("%", "%%")


def _parsed(path: str, text: str, field: FieldInfo) -> Any:
    """Text stays text; anything else (numbers, lists, yes and no) is read as YAML."""
    if field.annotation is str:
        return text
    try:
        return yaml.safe_load(text)
    except yaml.YAMLError:
        raise UserError(f"{path} is {text!r}, which is not valid YAML; give a value such as {_shown(field)}.") from None


def read_yaml(path: Path, name: str) -> dict[str, Any]:
    """Settings of a file; `name` is that of the flag or setting which names the file.

    Raises:
        UserError: the file cannot be read, or holds no settings by name.
    """
    try:
        values = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        reason = " ".join(str(error).split())
        raise UserError(f"{name} {str(path)!r} cannot be read as YAML ({reason}); give a file of settings.") from None
    if values is not None and not isinstance(values, dict):
        raise UserError(
            f"{name} {str(path)!r} holds {type(values).__name__}, not settings by name; see deployments/presets."
        )
    return values or {}


def _nested(flat: Mapping[str, Any]) -> dict[str, Any]:
    nested: dict[str, Any] = {}
    for path, value in flat.items():
        *groups, name = path.split(".")
        node = nested
        for group in groups:
            node = node.setdefault(group, {})
        node[name] = value
    return nested


def merged(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """Settings with others over them, group by group."""
    both = dict(below)
    for name, value in above.items():
        both[name] = (
            merged(both[name], value) if isinstance(value, dict) and isinstance(both.get(name), dict) else value
        )
    return both

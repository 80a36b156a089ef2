"""Settings from a YAML file that a stranger may have written: what is wrong is told with file and line."""

from pathlib import Path
from typing import TypeVar

from pydantic import ValidationError

from tasks.settings.base import Settings
from tasks.settings.errors import UserError
from tasks.settings.limited_yaml import LocatedYaml, Place, YamlError, read_limited_yaml

AnySettings = TypeVar("AnySettings", bound=Settings)


def read_located(path: Path) -> LocatedYaml:
    """What a file holds.

    Raises:
        UserError: as `read_limited_yaml`; the file is named.
    """
    try:
        return read_limited_yaml(path)
    except YamlError as error:
        raise UserError(f"{path.name}, {error}.") from None


def located_settings(path: Path, read: LocatedYaml, model: type[AnySettings], *, what: str) -> AnySettings:
    """The settings that a file holds.

    Args:
        path: Of the file, for the sentences.
        read: What it holds.
        model: Of the settings.
        what: The file is, for the sentences: `a request`.

    Raises:
        UserError: they cannot be used; file, line and reason are in the sentence.
    """
    try:
        return model.model_validate(read.value)
    except ValidationError as error:
        # An unknown field first: it is often the reason why another one is missing.
        first = min(error.errors(include_url=False), key=lambda one: one["type"] != "extra_forbidden")
        place = tuple(first["loc"])
        line = read.line_of(place)
        name = _shown(place, what)
        if first["type"] == "extra_forbidden":
            raise UserError(f"{path.name}, line {line}: {name} is no field of {what}.") from None
        reason = first["msg"].removeprefix("Value error, ")
        raise UserError(f"{path.name}, line {line}: {name} cannot be used: {reason[0].lower()}{reason[1:]}.") from None


def _shown(place: Place, what: str) -> str:
    """A place as text that is safe to print, whatever a stranger has called it."""
    return repr(".".join(map(str, place)))[1:-1][:80] or what.replace("a ", "the ", 1)

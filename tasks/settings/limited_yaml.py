"""YAML of strangers: plain values only, within limits, and every value knows its line."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

MAX_BYTES = 64 * 1024
MAX_DEPTH = 10
MAX_NUMBER_CHARACTERS = 20

Place = tuple[str | int, ...]
"""Where a value is: names and positions from the top."""


class YamlError(ValueError):
    """The file cannot be used; the message is `line N: why`."""

    def __init__(self, line: int, why: str):
        super().__init__(f"line {line}: {why}")


@dataclass(frozen=True)
class LocatedYaml:
    """What a file holds, and the line of each value in it."""

    value: Any
    lines: Mapping[Place, int]

    def line_of(self, place: Place) -> int:
        """Line of the value at a place, or of the nearest value around it; from 1."""
        while place not in self.lines:
            place = place[:-1]
        return self.lines[place]


def read_limited_yaml(path: Path) -> LocatedYaml:
    """Read one document of safe YAML.

    Raises:
        YamlError: the file is missing, no regular file or cannot be read, is larger than 64 KiB or not UTF-8, is no
            YAML, nests deeper than 10, holds an alias, a tag, a name twice, or a number of more than 20 characters.
    """
    text = _read_text(path)
    try:
        loader = _Loader(text)
        node = loader.get_single_node()
        if node is None:
            raise YamlError(1, "the file is empty")
        return LocatedYaml(loader.construct_document(node), dict(_lines(node)))
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        raise YamlError(mark.line + 1 if mark else 1, error.problem or "this is not YAML") from None
    except yaml.reader.ReaderError as error:
        raise YamlError(text.count("\n", 0, error.position) + 1, "a character that YAML does not allow") from None


def _read_text(path: Path) -> str:
    if not path.is_file():
        raise YamlError(1, "this is no regular file" if path.exists() else "there is no such file")
    try:
        with path.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise YamlError(1, f"the file cannot be read ({error.strerror})") from None
    if len(content) > MAX_BYTES:
        raise YamlError(1, f"the file is larger than {MAX_BYTES // 1024} KiB")
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError as error:
        raise YamlError(content.count(b"\n", 0, error.start) + 1, "the text is not UTF-8") from None


class _Loader(yaml.SafeLoader):
    """PyYAML's safe loader, which by itself bounds neither depth nor aliases, and takes the last of two equal names."""

    def __init__(self, text: str):
        super().__init__(text)
        self._depth = 0

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        event = self.peek_event()
        line = event.start_mark.line + 1
        if isinstance(event, yaml.AliasEvent):
            raise YamlError(line, "aliases (*name) are not allowed")
        if getattr(event, "tag", None):
            raise YamlError(line, "tags (!name) are not allowed")
        if self._depth == MAX_DEPTH:
            raise YamlError(line, f"values are nested deeper than {MAX_DEPTH}")
        self._depth += 1
        node = super().compose_node(parent, index)
        self._depth -= 1
        return node

    def compose_scalar_node(self, anchor: Any) -> yaml.ScalarNode:
        node = super().compose_scalar_node(anchor)
        is_number = node.tag in ("tag:yaml.org,2002:int", "tag:yaml.org,2002:float")
        if is_number and len(node.value) > MAX_NUMBER_CHARACTERS:
            raise YamlError(node.start_mark.line + 1, f"a number has more than {MAX_NUMBER_CHARACTERS} characters")
        return node

    def construct_object(self, node: yaml.Node, deep: bool = False) -> Any:
        try:
            return super().construct_object(node, deep)
        except YamlError:
            raise
        except ValueError as error:  # Such as a thirteenth month.
            raise YamlError(node.start_mark.line + 1, f"a value cannot be read ({error})") from None

    def compose_mapping_node(self, anchor: Any) -> yaml.MappingNode:
        node = super().compose_mapping_node(anchor)
        seen: set[str] = set()
        for name, _ in node.value:
            line = name.start_mark.line + 1
            if not isinstance(name, yaml.ScalarNode) or name.tag != "tag:yaml.org,2002:str":
                raise YamlError(line, "a name must be plain text")
            if name.value in seen:
                raise YamlError(line, f"{name.value!r} is given twice")
            seen.add(name.value)
        return node


def _lines(node: yaml.Node, place: Place = ()) -> Any:
    """Place and line of a node and of all below it."""
    yield place, node.start_mark.line + 1
    if isinstance(node, yaml.MappingNode):
        for name, value in node.value:
            inner = (*place, name.value)
            yield from _lines(value, inner)
            yield inner, name.start_mark.line + 1
    elif isinstance(node, yaml.SequenceNode):
        for index, value in enumerate(node.value):
            yield from _lines(value, (*place, index))

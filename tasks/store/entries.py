"""What a ledger's entries say: one frozen class a kind, checked when it is made and when it is read back.

An entry is plain JSON: texts, digests, names of files. What it says of people and data is what the caller puts into it;
none of the text that a model wrote belongs there.
"""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, fields
from pathlib import PurePosixPath
from typing import Any, ClassVar, NewType

from tasks.store.keys import NAME

Digest = NewType("Digest", str)
"""A sha256: 64 lower-case hexadecimal digits."""
UnitName = NewType("UnitName", str)
"""Name of a unit, which is its folder below the run."""
FileName = NewType("FileName", str)
"""A file below the ledger's folder, with slashes; no absolute path and no `..`. Empty: there is none."""
Files = NewType("Files", Mapping[str, str])
"""Digest of each file, by `FileName`."""
Reasons = NewType("Reasons", tuple[str, ...])
"""Sentences."""
Decision = NewType("Decision", str)
"""`accepted`, `rejected` or `waiting`."""


@dataclass(frozen=True, kw_only=True)
class Entry:
    """What all kinds share.

    Raises:
        ValueError: a field has a value that its type does not allow; the field is named.
    """

    kind: ClassVar[str]
    about: ClassVar[tuple[str, ...]]
    """Names of the fields that say what it is about: of entries of one kind about one thing the last one holds."""

    def __post_init__(self):
        for one in fields(self):
            if not _ALLOWED[one.type](getattr(self, one.name)):
                raise ValueError(f"{one.name} of a {self.kind} entry cannot be {getattr(self, one.name)!r}")

    @property
    def files(self) -> Mapping[str, str]:
        """The files that must be as the entry says, by name below the ledger's folder, each with its sha256."""
        return {}

    def payload(self) -> dict[str, Any]:
        """As JSON values, without the kind."""
        return asdict(self)

    def replaces(self, earlier: "Entry") -> bool:
        """Whether this entry holds instead of an earlier one: the same kind, about the same thing."""
        return type(self) is type(earlier) and all(getattr(self, name) == getattr(earlier, name) for name in self.about)


@dataclass(frozen=True, kw_only=True)
class RequestEntry(Entry):
    """Something was asked for: a run by its settings, or a request of a register."""

    kind = "request"
    about = ("request",)

    request: str
    """Name of the request; of a run that nobody but its settings asked for, the run's."""
    digest: Digest
    """Of the file that asks: `settings.yaml` of a run, the YAML file of a request."""
    file: FileName = FileName("")
    """That file, where it lies below the ledger's folder: it is verified there. Empty where it is kept elsewhere."""
    asked_by: str = ""
    """Who asked, as the request has it."""
    deadline: str = ""
    """Until when, as the request has it."""

    @property
    def files(self) -> Mapping[str, str]:
        """The file that asks, where it is below the ledger's folder."""
        return {self.file: self.digest} if self.file else {}


@dataclass(frozen=True, kw_only=True)
class ManifestEntry(Entry):
    """A unit of a run is complete."""

    kind = "manifest"
    about = ("unit",)

    unit: UnitName
    manifest: Digest
    """Of the unit's `manifest.json`, which holds the digests of its files."""


@dataclass(frozen=True, kw_only=True)
class VerdictEntry(Entry):
    """A run was judged: by its limits, or by a person."""

    kind = "verdict"
    about = ("run", "by")

    run: str
    verdict: Decision
    reasons: Reasons = Reasons(())
    by: str = ""
    """The person who decided; empty where the limits did."""
    results: Files = field(default_factory=dict)
    """Files that hold the numbers: `summary.json`, `durability.json`."""

    @property
    def files(self) -> Mapping[str, str]:
        """The files that hold the numbers."""
        return self.results


@dataclass(frozen=True, kw_only=True)
class PublicationEntry(Entry):
    """A model was put where others take it from."""

    kind = "publication"
    about = ("where",)

    run: str
    model: Digest
    """Of the `manifest.json` in the model's folder."""
    where: str
    """The folder below the run (`model`), or the pointer that was switched to it (`production.json`)."""
    by: str = ""
    """The person who did it; empty where a run did."""


@dataclass(frozen=True, kw_only=True)
class PurgeEntry(Entry):
    """Files are destroyed on purpose; written before the first of them is touched."""

    kind = "purge"
    about = ("run",)

    run: str
    purged: Files
    """What they held, by name below the ledger's folder."""


@dataclass(frozen=True, kw_only=True)
class CertificateEntry(Entry):
    """A certificate was made out; it names the head of the ledger before this entry."""

    kind = "certificate"
    about = ("run",)

    run: str
    certificate: Files
    """`certificate.json` and `certificate.md`."""

    @property
    def files(self) -> Mapping[str, str]:
        """The certificate, in both forms."""
        return self.certificate


KINDS = {
    one.kind: one for one in (RequestEntry, ManifestEntry, VerdictEntry, PublicationEntry, PurgeEntry, CertificateEntry)
}


def entry_of(kind: str, payload: Mapping[str, Any]) -> Entry:
    """The entry that `Entry.payload` gave.

    Raises:
        ValueError: the kind or a field is unknown, a field is missing, or has a value that it cannot have.
    """
    if not isinstance(kind, str) or kind not in KINDS:
        raise ValueError(f"{kind!r} is no kind of entry")
    values = {name: tuple(value) if isinstance(value, list) else value for name, value in payload.items()}
    try:
        return KINDS[kind](**values)
    except TypeError as error:
        raise ValueError(f"a {kind} entry has other fields") from error


def _is_digest(value: Any) -> bool:
    return isinstance(value, str) and len(value) == 64 and set(value) <= set("0123456789abcdef")


def _is_inside(value: Any) -> bool:
    if not isinstance(value, str) or not value or "\0" in value:
        return False
    path = PurePosixPath(value)
    return not path.is_absolute() and ".." not in path.parts and path.as_posix() == value


_ALLOWED: dict[Any, Callable[[Any], bool]] = {
    str: lambda value: isinstance(value, str),
    Digest: _is_digest,
    UnitName: lambda value: isinstance(value, str) and NAME.fullmatch(value) is not None,
    FileName: lambda value: value == "" or _is_inside(value),
    Files: lambda value: isinstance(value, Mapping) and all(_is_inside(k) and _is_digest(value[k]) for k in value),
    Reasons: lambda value: isinstance(value, tuple) and all(isinstance(one, str) for one in value),
    Decision: lambda value: value in ("accepted", "rejected", "waiting"),
}

"""A hash chain of entries in one file of JSON lines: what was written can be neither changed nor taken out unnoticed.

Each line is the canonical JSON of ``{seq, time, kind, <fields of the entry>, previous, hash[, hmac]}``. ``seq`` counts
from 1; ``previous`` is the hash of the line before, 64 zeros at first; ``hash`` is the sha256 of the line's canonical
JSON without ``hash`` and ``hmac``; ``hmac`` is HMAC-SHA256 of the 32 bytes of the hash, where a key was set. A line
without ``time`` and ``kind`` is a manifest entry of version 0.1.0.

That lines were cut off the end, the chain alone does not show: keep its head, the last hash, elsewhere. Whoever may
write the file can write all of it anew; where a key is used, only with the key. An HMAC vouches, through the
chain, for all lines before its own; so lines may lack it before the first one that has it, and none after.
"""

import fcntl
import hmac
import json
import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tasks.settings.errors import UserError
from tasks.store.disk import disk_errors, make_private_folder, sync_folder
from tasks.store.entries import Entry, ManifestEntry, entry_of
from tasks.store.keys import canonical_json, json_digest
from tasks.store.manifests import now

GENESIS = "0" * 64
KEY_VARIABLE = "REVEAL_RELEASE_LEDGER_KEY"


def ledger_key() -> bytes | None:
    """The key of HMACs from the environment, UTF-8; None where none is set."""
    return os.environ.get(KEY_VARIABLE, "").encode() or None


@dataclass(frozen=True)
class Link:
    """One line, read back."""

    seq: int
    """Number of the line, from 1."""
    time: str
    """When it was written, in UTC; empty in lines of version 0.1.0."""
    entry: Entry
    hash: str
    hmac: str | None


@dataclass(frozen=True)
class Chain:
    """The chain in a file, which need not exist yet.

    Chain(runs_dir / "ledger.jsonl").append(RequestEntry(request="forget-dogs", digest=file_digest(path)))

    Attributes:
        path: The file; created private, its folder as well.
        key: For HMACs; by default that of the environment.
    """

    path: Path
    key: bytes | None = field(default_factory=ledger_key, repr=False)

    def append(self, *entries: Entry) -> str:
        """Add entries at the end, on the disk when this returns; return the head.

        Writers in several processes take turns. After a kill a first part of the entries is there; a last line that
        was being written then is taken away by the next call.

        Raises:
            UserError: what is there is broken, lacks the key, or has another; or the file cannot be written.
        """
        make_private_folder(self.path.parent)
        with (
            disk_errors(self.path.parent),
            os.fdopen(os.open(self.path, os.O_RDWR | os.O_CREAT, 0o600), "r+b", buffering=0) as file,
        ):
            fcntl.flock(file, fcntl.LOCK_EX)
            content = file.read()
            whole = content[: content.rfind(b"\n") + 1]
            links = self._links(whole)
            if entries and self.key is None and any(link.hmac for link in links):
                raise UserError(f"{self.path} is written with a key: set {KEY_VARIABLE} to it")
            head, lines = _head(links), []
            for seq, entry in enumerate(entries, start=len(links) + 1):
                line, head = self._line(seq, entry, head)
                lines.append(line + "\n")
            _write_at(file, len(whole), "".join(lines).encode())
            sync_folder(self.path.parent)
        return head

    def links(self) -> list[Link]:
        """What is there so far, none where there is no file; without a last line whose writer was interrupted.

        Raises:
            UserError: as `verify`, but for the missing file and the interrupted line.
        """
        if not self.path.exists():
            return []
        content = self.path.read_bytes()
        return self._links(content[: content.rfind(b"\n") + 1])

    def verify(self) -> list[Link]:
        """All lines, each checked.

        HMACs are checked where the key is set; one is then wanted at the end. Without the key they are only looked for.

        Raises:
            UserError: the file is missing, or broken: the first line that is, is named with what is wrong with it.
        """
        if not self.path.is_file():
            raise UserError(f"{self.path} is missing: a run gets it when it ends, other ledgers with their first entry")
        content = self.path.read_bytes()
        links = self._links(content[: content.rfind(b"\n") + 1])
        if not content.endswith(b"\n") and content:
            raise self._broken(len(links) + 1, "the file ends in the middle of it; the next entry will take it away")
        if self.key and links and not links[-1].hmac:
            raise self._broken(
                len(links), f"it has no HMAC, though {KEY_VARIABLE} is set: it was written without a key"
            )
        return links

    def _line(self, seq: int, entry: Entry, previous: str) -> tuple[str, str]:
        """A line, and its hash."""
        told = {"seq": seq, "time": now(), "kind": entry.kind, **entry.payload(), "previous": previous}
        digest = json_digest(told)
        signed = {"hmac": self._hmac(digest)} if self.key else {}
        return canonical_json(told | {"hash": digest} | signed), digest

    def _links(self, content: bytes) -> list[Link]:
        links: list[Link] = []
        for seq, line in enumerate(content.split(b"\n")[:-1], start=1):
            links.append(self._link(seq, line, links))
        return links

    def _link(self, seq: int, line: bytes, before: Sequence[Link]) -> Link:
        told, entry = self._parsed(seq, line)
        digest, signature = told.pop("hash", None), told.pop("hmac", None)
        if digest != json_digest(told):
            raise self._broken(seq, "it was changed")
        if (told["seq"], told["previous"]) != (seq, _head(before)):
            raise self._broken(seq, "it does not follow the line before it: one was changed, moved, added or removed")
        if signature is None and before and before[-1].hmac:
            raise self._broken(seq, "it has no HMAC, and the line before it has: it was added without the key")
        if self.key and signature is not None and signature != self._hmac(digest):
            raise self._broken(seq, f"its HMAC is not made with the key in {KEY_VARIABLE}")
        return Link(seq, told.get("time", ""), entry, digest, signature)

    def _parsed(self, seq: int, line: bytes) -> tuple[dict[str, Any], Entry]:
        """The fields of a line, and the entry among them."""
        try:
            told = json.loads(line)
            # Only one text stands for a value, so no byte of the line is free.
            if not isinstance(told, dict) or canonical_json(told).encode() != line:
                raise ValueError
            chain = {"seq", "time", "kind", "previous", "hash", "hmac"}
            texts = (told[name] for name in chain & told.keys() - {"seq"})
            if not told.keys() >= {"seq", "previous", "hash"} or not all(isinstance(text, str) for text in texts):
                raise ValueError
            payload = {name: value for name, value in told.items() if name not in chain}
            return told, entry_of(told.get("kind", ManifestEntry.kind), payload)
        except (ValueError, RecursionError):
            raise self._broken(seq, "it is no entry of a ledger") from None

    def _hmac(self, digest: str) -> str:
        assert self.key
        return hmac.new(self.key, bytes.fromhex(digest), "sha256").hexdigest()

    def _broken(self, seq: int, why: str) -> UserError:
        return UserError(f"{self.path} is broken at line {seq}: {why}")


def _head(links: Sequence[Link]) -> str:
    return links[-1].hash if links else GENESIS


def _write_at(file: Any, position: int, lines: bytes) -> None:
    """Put lines behind what is whole in the file, wait for the disk; where it refuses, leave the file whole."""
    file.truncate(position)
    file.seek(position)
    try:
        rest = memoryview(lines)
        while rest:
            rest = rest[file.write(rest) :]
        os.fsync(file.fileno())
    except OSError:
        file.truncate(position)
        raise

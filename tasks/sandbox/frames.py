"""JSON over a file descriptor: four bytes of length, then the text. Standard library only."""

import json
import os
import struct
from typing import Any

_LENGTH = struct.Struct(">I")


class FrameError(Exception):
    """The stream ended within a frame, or what came is too long or no JSON."""


def send(fd: int, content: Any) -> None:
    """Write one frame; blocks until the other end has taken it."""
    text = json.dumps(content).encode()
    data = memoryview(_LENGTH.pack(len(text)) + text)
    while data:
        data = data[os.write(fd, data) :]


def receive(fd: int, *, most: int) -> Any:
    """Read one frame.

    Args:
        fd: Where from.
        most: Bytes; a longer frame is not read.

    Raises:
        FrameError: the stream ended, the frame is longer than `most`, or it is no JSON.
    """
    (length,) = _LENGTH.unpack(_read(fd, _LENGTH.size))
    if length > most:
        raise FrameError(f"a message of {length} bytes; {most} are allowed")
    try:
        return json.loads(_read(fd, length))
    except (ValueError, RecursionError):
        raise FrameError("a message that is no JSON") from None


def _read(fd: int, size: int) -> bytearray:
    data = bytearray()
    while len(data) < size:
        part = os.read(fd, size - len(data))
        if not part:
            raise FrameError("the stream ended")
        data += part
    return data

"""How much a program may use. Standard library only: the warden imports it in a bare interpreter."""

from typing import NamedTuple

MIB = 2**20


class Limits(NamedTuple):
    """Of one program; its tests get as much again, in a jail of their own."""

    cpu_s: int = 10
    """Processor seconds."""
    wall_s: float = 30.0
    """Seconds from the start of the program to the verdict, both jails included."""
    memory_bytes: int = 512 * MIB
    """Address space."""
    processes: int = 1
    """Processes and threads, itself included."""
    open_files: int = 32
    """File descriptors."""
    file_bytes: int = 4 * MIB
    """Of one file."""
    disk_bytes: int = 16 * MIB
    """Of all files together; they live in memory and die with the program."""
    message_bytes: int = MIB
    """Of one call, of one answer, and of the source."""
    output_bytes: int = 2048
    """Of what the program prints: so much is kept, the rest is thrown away."""


LIMITS = Limits()
"""What a short function and its tests may use."""

"""The layer `system calls`: a seccomp filter. What is refused fails with EPERM; standard library only.

Refused is what no honest program needs and what reaches around the other layers: sockets, new namespaces and mounts,
other programs, memory that no limit counts (System V, message queues, memfd), tracing, keys, and the kernel's widest
doors (bpf, io_uring, userfaultfd, perf). Numbers: Linux' syscall tables; filter: seccomp(2).
"""

import ctypes
import os
import platform
import struct

_ARCHITECTURES = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}

# name: (x86_64, aarch64); None where the architecture lacks it
_REFUSED: dict[str, tuple[int | None, int]] = {
    "socket": (41, 198),
    "socketpair": (53, 199),
    "execve": (59, 221),
    "execveat": (322, 281),
    "ptrace": (101, 117),
    "process_vm_readv": (310, 270),
    "process_vm_writev": (311, 271),
    "pidfd_getfd": (438, 438),
    "unshare": (272, 97),
    "setns": (308, 268),
    "mount": (165, 40),
    "umount2": (166, 39),
    "pivot_root": (155, 41),
    "chroot": (161, 51),
    "open_tree": (428, 428),
    "move_mount": (429, 429),
    "fsopen": (430, 430),
    "fsmount": (432, 432),
    "mount_setattr": (442, 442),
    "open_by_handle_at": (304, 265),
    "shmget": (29, 194),
    "msgget": (68, 186),
    "semget": (64, 190),
    "mq_open": (240, 180),
    "memfd_create": (319, 279),
    "memfd_secret": (447, 447),
    "add_key": (248, 217),
    "request_key": (249, 218),
    "keyctl": (250, 219),
    "bpf": (321, 280),
    "perf_event_open": (298, 241),
    "userfaultfd": (323, 282),
    "io_uring_setup": (425, 425),
    "personality": (135, 92),
    "vfork": (58, None),
}
_PRCTL = {"x86_64": 157, "aarch64": 167}
_PR_SET_PDEATHSIG = 1  # how a jail dies with its keeper: not to be unset from within
_CLONE = {"x86_64": 56, "aarch64": 220}
_CLONE3 = 435
_NEW_NAMESPACE = 0x7E020080  # every CLONE_NEW* flag
_X32 = 0x40000000

_LOAD, _JUMP_EQUAL, _JUMP_AT_LEAST, _JUMP_BITS, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
_NUMBER, _ARCHITECTURE, _FIRST_ARGUMENT = 0, 4, 16  # offsets in struct seccomp_data, little-endian
_ALLOW, _KILL, _ERROR = 0x7FFF0000, 0x80000000, 0x00050000
_EPERM, _ENOSYS = 1, 38
_PR_SET_SECCOMP, _MODE_FILTER = 22, 2


def refuse_system_calls() -> None:
    """Put the filter on this process, for good; what it starts inherits it. Needs no_new_privs.

    Raises:
        OSError: the kernel has no seccomp, or the machine is neither x86_64 nor aarch64.
    """
    machine = platform.machine()
    if machine not in _ARCHITECTURES:
        raise OSError(_ENOSYS, f"no list of system calls for {machine}")
    column = list(_ARCHITECTURES).index(machine)
    program = [
        _statement(_LOAD, _ARCHITECTURE),
        _jump(_JUMP_EQUAL, _ARCHITECTURES[machine], 1, 0),
        _statement(_RETURN, _KILL),
        _statement(_LOAD, _NUMBER),
        _jump(_JUMP_AT_LEAST, _X32, 0, 1),
        _statement(_RETURN, _KILL),
    ]
    for numbers in _REFUSED.values():
        if numbers[column] is not None:
            program += [_jump(_JUMP_EQUAL, numbers[column], 0, 1), _statement(_RETURN, _ERROR | _EPERM)]
    program += [
        _jump(_JUMP_EQUAL, _CLONE3, 0, 1),  # its flags lie in memory, out of reach: libc then uses clone
        _statement(_RETURN, _ERROR | _ENOSYS),
        _jump(_JUMP_EQUAL, _PRCTL[machine], 0, 4),
        _statement(_LOAD, _FIRST_ARGUMENT),
        _jump(_JUMP_EQUAL, _PR_SET_PDEATHSIG, 0, 1),
        _statement(_RETURN, _ERROR | _EPERM),
        _statement(_RETURN, _ALLOW),
        _jump(_JUMP_EQUAL, _CLONE[machine], 0, 3),
        _statement(_LOAD, _FIRST_ARGUMENT),
        _jump(_JUMP_BITS, _NEW_NAMESPACE, 0, 1),
        _statement(_RETURN, _ERROR | _EPERM),
        _statement(_RETURN, _ALLOW),
    ]
    code = ctypes.create_string_buffer(b"".join(program))
    header = struct.pack("HxxxxxxP", len(program), ctypes.addressof(code))
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(_PR_SET_SECCOMP, _MODE_FILTER, header, 0, 0):
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


def _statement(code: int, value: int) -> bytes:
    return struct.pack("HBBI", code, 0, 0, value)


def _jump(code: int, value: int, if_true: int, if_false: int) -> bytes:
    return struct.pack("HBBI", code, if_true, if_false, value)

"""Seven layers around a process; all of them are promised, and one that cannot be had is an error. Linux only.

Standard library only: the warden imports it in a bare interpreter. Sources: namespaces(7), user_namespaces(7),
pivot_root(2), mount_setattr(2), capabilities(7).
"""

import ctypes
import os
import resource
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tasks.sandbox.limits import Limits
from tasks.sandbox.system_calls import refuse_system_calls

LAYERS = {
    "user": "no rights: an unprivileged user without groups or capabilities, who can gain none",
    "files": "sees the interpreter's own files, read-only, and an empty folder that dies with it; no /proc, no /dev",
    "processes": "sees and reaches no process but its own, and all of them die together",
    "network": "has no network interface",
    "ipc": "shares no memory, queue or host name with another process",
    "limits": "processor time, memory, processes, files, wall time",
    "system calls": "no sockets, other programs, namespaces, mounts, tracing",
}
"""What each layer gives."""

_libc = ctypes.CDLL(None, use_errno=True)
_NEW_MOUNTS, _NEW_UTS, _NEW_IPC, _NEW_USER = 0x00020000, 0x04000000, 0x08000000, 0x10000000
_NEW_PIDS, _NEW_NETWORK = 0x20000000, 0x40000000
_MS_NOSUID, _MS_NODEV, _MS_NOEXEC, _MS_BIND, _MS_REC, _MS_PRIVATE = 2, 4, 8, 4096, 16384, 1 << 18
_MNT_DETACH, _AT_FDCWD, _AT_RECURSIVE, _READ_ONLY_NOSUID_NODEV = 2, -100, 0x8000, 1 | 2 | 4
_PR_SET_PDEATHSIG, _PR_SET_DUMPABLE, _PR_SET_CHILD_SUBREAPER, _PR_SET_NO_NEW_PRIVS = 1, 4, 36, 38
_MOUNT_SETATTR = 442  # the same on every architecture
_PIVOT_ROOT = {"x86_64": 155, "aarch64": 41}
_CAPSET = {"x86_64": 126, "aarch64": 91}
_CAPABILITY_VERSION = 0x20080522
_ROOT, _TMP = Path("/"), Path("/tmp")  # noqa: S108 - both are the jail's own from here on
_SYSTEM_LIBRARIES = [Path("/usr/lib"), Path("/usr/lib64"), Path("/lib"), Path("/lib64")]
_STANDARD_LIBRARY = Path(os.__file__).resolve().parent
_FIRST_UID, _NUM_UIDS = 50_000, 10_000


class JailError(Exception):
    """A layer cannot be had; the message is its name and why."""


def enter(limits: Limits) -> None:
    """Lock up the calling process, a fresh fork of the warden: returns in a child of it, which is in the jail.

    The caller itself waits outside and goes with the child; if it is killed, the child is.

    Raises:
        JailError: a layer cannot be had; in the calling process or in the child.
    """
    die_with_parent()
    is_root = os.geteuid() == 0
    uid = _FIRST_UID + os.getpid() % _NUM_UIDS if is_root else os.geteuid()
    if not is_root:
        with _layer("user"):
            _own_user_namespace(uid, os.getegid())
    with _layer("network"):
        _check(_libc.unshare(_NEW_NETWORK))
    with _layer("ipc"):
        _check(_libc.unshare(_NEW_IPC | _NEW_UTS))
    with _layer("files"):
        _check(_libc.unshare(_NEW_MOUNTS))
        _own_files(uid, limits.disk_bytes)
    with _layer("processes"):
        _check(_libc.unshare(_NEW_PIDS))
        child = os.fork()
    if child:
        die_with_parent()
        os.closerange(0, 1024)
        os.waitpid(child, 0)
        os._exit(0)
    with _layer("user"):
        if is_root:
            os.setgroups([])
            os.setresgid(uid, uid, uid)
            os.setresuid(uid, uid, uid)
        _give_up_capabilities()
        _check(_libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
        _check(_libc.prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0))
    die_with_parent()  # a change of user forgets it
    with _layer("limits"):
        # The keeper counts too where it is of the same user (Linux counts by user and user namespace since 5.14).
        _set_limits(limits if is_root else limits._replace(processes=limits.processes + 1))
    with _layer("system calls"):
        refuse_system_calls()


def require_jail() -> None:
    """Refuse to go on outside of a jail: a second look, so that a slip in `enter` runs nothing with our rights.

    Raises:
        JailError: this process is root, or sees processes.
    """
    if os.geteuid() == 0 or Path("/proc").exists():
        raise JailError("files (the process is not locked up)")


def die_with_parent() -> None:
    """Have the kernel kill this process when the thread that started it ends."""
    _check(_libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0))


def adopt_orphans() -> None:
    """Make this process the parent of its descendants' orphans."""
    _check(_libc.prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0))


@contextmanager
def _layer(name: str) -> Iterator[None]:
    assert name in LAYERS
    try:
        yield
    except (OSError, ValueError, KeyError) as error:
        raise JailError(f"{name} ({error})") from None


def _own_user_namespace(uid: int, gid: int) -> None:
    _check(_libc.unshare(_NEW_USER))
    Path("/proc/self/setgroups").write_text("deny")
    Path("/proc/self/uid_map").write_text(f"{uid} {uid} 1")
    Path("/proc/self/gid_map").write_text(f"{gid} {gid} 1")


def _own_files(uid: int, disk_bytes: int) -> None:
    """A root of our own in memory: the interpreter's files, read-only, and an empty ``/tmp``.

    The last step is a chroot: in a changed root the kernel makes no user namespace, whatever the filter says.
    """
    folders = [path for path in _SYSTEM_LIBRARIES if path.is_dir()]
    links = {path: path.readlink() for path in folders if path.is_symlink()}
    folders = [path for path in folders if path not in links]
    if not any(_STANDARD_LIBRARY.is_relative_to(path) for path in folders):
        folders.append(_STANDARD_LIBRARY)
    os.umask(0o022)  # Not the caller's: the user that the program runs as must get through folders that root makes.
    _mount("none", _ROOT, None, _MS_REC | _MS_PRIVATE)
    _mount("tmpfs", _TMP, "tmpfs", _MS_NOSUID | _MS_NODEV | _MS_NOEXEC, "size=1m,mode=0755")
    (_TMP / "old").mkdir()
    (_TMP / "jail").mkdir(mode=0o755)
    _check(_libc.syscall(_PIVOT_ROOT[_machine()], bytes(_TMP), bytes(_TMP / "old")))
    os.chdir(_ROOT)
    old, jail = Path("/old"), Path("/jail")
    own = jail / "tmp"
    own.mkdir()
    size = f"size={disk_bytes},nr_inodes=1024,mode=0700,uid={uid}"
    _mount("tmpfs", own, "tmpfs", _MS_NOSUID | _MS_NODEV | _MS_NOEXEC, size)
    for path in folders:
        inside = jail / path.relative_to(_ROOT)
        inside.mkdir(parents=True)
        _mount(str(old / path.relative_to(_ROOT)), inside, None, _MS_BIND | _MS_REC)
        _make_read_only(inside, flags=_AT_RECURSIVE)
    for path, target in links.items():
        (jail / path.relative_to(_ROOT)).symlink_to(target)
    _check(_libc.umount2(bytes(old), _MNT_DETACH))
    _make_read_only(_ROOT, flags=0)
    os.chroot(jail)
    os.chdir(_TMP)


def _mount(source: str, target: Path, kind: str | None, flags: int, options: str | None = None) -> None:
    kind, options = (text.encode() if text else None for text in (kind, options))
    _check(_libc.mount(source.encode(), bytes(target), kind, ctypes.c_ulong(flags), options))


def _make_read_only(path: Path, *, flags: int) -> None:
    attributes = (ctypes.c_uint64 * 4)(_READ_ONLY_NOSUID_NODEV, 0, 0, 0)
    size = ctypes.c_size_t(ctypes.sizeof(attributes))
    _check(_libc.syscall(_MOUNT_SETATTR, _AT_FDCWD, bytes(path), flags, attributes, size))


def _give_up_capabilities() -> None:
    header = (ctypes.c_uint32 * 2)(_CAPABILITY_VERSION, 0)
    none = (ctypes.c_uint32 * 6)()
    _check(_libc.syscall(_CAPSET[_machine()], header, none))


def _set_limits(limits: Limits) -> None:
    for kind, most in (
        (resource.RLIMIT_CPU, limits.cpu_s),
        (resource.RLIMIT_AS, limits.memory_bytes),
        (resource.RLIMIT_NPROC, limits.processes),
        (resource.RLIMIT_NOFILE, limits.open_files),
        (resource.RLIMIT_FSIZE, limits.file_bytes),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_MEMLOCK, 0),
        (resource.RLIMIT_MSGQUEUE, 0),
    ):
        resource.setrlimit(kind, (most, most))


def _machine() -> str:
    return os.uname().machine


def _check(result: int) -> None:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))

"""Lock of a store: one recorder at a time, named in the lock file; the kernel releases it with the process."""

from __future__ import annotations

import errno
import fcntl
import os
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from types import TracebackType

import msgspec

from wsmon.control.ownership import READ_LIMIT_BYTES, ForeignFileError, open_own
from wsmon.errors import StoreError, StoreHeldError

# What lock calls fail with on file systems without locks
NO_LOCKS = frozenset({errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOSYS, errno.EINVAL})
# Name of a store that has a folder of its own
DEFAULT_STORE = "store.db"
_FILE_MODE = 0o600
_TRIES = 5
# How long a probe may hold the shared lock
_PROBE_S = 0.02


class LockInfo(msgspec.Struct, frozen=True):
    """The recorder that holds a store, as JSON in its lock file."""

    pid: int
    version: str
    schema: int
    protocol: int
    configuration: str
    """Real path of the configuration file, or the URLs of the command line."""
    store: str
    socket: str
    started_ns: int
    """Wall time, nanoseconds since 1970."""
    boot_id: str


def beside(store: Path, kind: str) -> Path:
    """Return the path of a file of a store's recorder: ``recorder.KIND``, or ``STORE.KIND`` in a shared folder."""
    return store.with_name(f"recorder.{kind}" if store.name == DEFAULT_STORE else f"{store.name}.{kind}")


def lock_path(store: Path) -> Path:
    """Return the path of the lock file of a store."""
    return beside(store, "lock")


# The holder of a lock that has not written its name yet
NAMELESS = LockInfo(0, "?", 0, 0, "?", "?", "", 0, "")


class StoreLock:
    """The lock of one store, by its path and by its inode; held from construction to ``release``.

    The descriptor of the store itself is opened before SQLite opens the file, and closed after SQLite has: closing any
    descriptor of a file drops the locks that the process has on it (POSIX), those of SQLite among them.
    """

    def __init__(self, store: Path, info: LockInfo, known: Callable[[], Iterable[LockInfo]] = tuple) -> None:
        """Take the lock; raises ``StoreHeldError`` naming the holder where there is one already.

        ``known`` returns the recorders that run, to name the one that holds the file under another name.
        """
        self.path = lock_path(store)
        self._known = known
        try:
            self._fd = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, _FILE_MODE)
        except OSError as error:
            raise StoreError(
                f"cannot lock the store {store}: {error.strerror}", "use --store to choose a writable folder"
            ) from error
        try:
            if not _try_lock(store, self._fd):
                raise _held(store, read_lock(store))
            _check_locks(store, self.path)
            self._store_fd = self._lock_inode(store)
        except BaseException:
            os.close(self._fd)
            raise
        self.write(info)

    def _lock_inode(self, store: Path) -> int:
        """Lock the file of the store, made if need be; returns its descriptor."""
        fd = open_store_file(store)
        try:
            found = os.fstat(fd)
            if not _try_lock(store, fd) or found.st_nlink > 1:
                raise self._other_name(store, found)
        except BaseException:
            os.close(fd)
            raise
        return fd

    def _other_name(self, store: Path, found: os.stat_result) -> StoreError:
        """The refusal of a file that has another name."""
        for info in self._known():
            try:
                other = Path(info.store).stat()
            except OSError:
                continue
            if (other.st_dev, other.st_ino) == (found.st_dev, found.st_ino):
                return StoreHeldError(
                    f"another recorder (pid {info.pid}, {info.configuration}) is using the store {store} as "
                    f"{info.store}",
                    "view it with `wsmon attach`, stop it with `wsmon stop`, or choose another store with --store",
                    info.pid,
                )
        if found.st_nlink > 1:
            return StoreError(
                f"the store {store} has {found.st_nlink} hard links",
                "SQLite would corrupt the file, since it keeps one log per name; record into a copy",
            )
        return StoreHeldError(f"another program is using the store {store}", "see `wsmon ps`", 0)

    def move_to_new_file(self, store: Path) -> None:
        """Lock the file that is made anew at the path of the store; SQLite has closed the one before."""
        fd = self._lock_inode(store)
        os.close(self._store_fd)
        self._store_fd = fd

    def write(self, info: LockInfo) -> None:
        """Write into the lock file which recorder holds the store."""
        os.ftruncate(self._fd, 0)
        os.pwrite(self._fd, msgspec.json.encode(info), 0)

    def release(self) -> None:
        """Release the lock; the file stays, as a record of the last holder."""
        os.close(self._store_fd)
        os.close(self._fd)

    def __enter__(self) -> StoreLock:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.release()


def holder(store: Path) -> LockInfo | None:
    """Return the recorder that holds a store now; ``None`` where none does.

    The probe takes the lock for an instant, shared: a recorder that starts just then tries again. Raises ``StoreError``
    where the lock cannot be read, or where another user could have written it.
    """
    try:
        fd = _open(store)
    except FileNotFoundError:
        return None
    except ForeignFileError as error:
        raise StoreError(f"ignoring the lock file of {store}: {error.what}", error.hint) from error
    except OSError as error:
        raise StoreError(f"cannot read the lock file of {store}: {error.strerror}") from error
    try:
        fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return _read(fd) or NAMELESS
    finally:
        os.close(fd)
    return None


def read_lock(store: Path) -> LockInfo | None:
    """Return what the lock file says; ``None`` where it is empty, as between ``flock`` and ``write`` of its holder."""
    try:
        fd = _open(store)
    except (OSError, ForeignFileError):
        return None
    try:
        return _read(fd)
    finally:
        os.close(fd)


def decode_info(octets: bytes) -> LockInfo:
    """Return what a lock file or a registry entry says; raises ``StoreError`` where it is neither."""
    try:
        return msgspec.json.decode(octets, type=LockInfo)
    # Numbers without end, and objects nested without end, are no decode errors to msgspec
    except (ValueError, OverflowError, RecursionError) as error:
        raise StoreError(f"not a recorder entry: {error}") from error


def _open(store: Path) -> int:
    """Open the lock file to read; its owner is this user or that of the store, whose word counts for it anyway."""
    try:
        owner = store.stat().st_uid
    except OSError:
        owner = os.geteuid()
    return open_own(lock_path(store), os.geteuid(), owner)


def lock_owner(store: Path) -> int:
    """Return the user who owns the lock file of a store; raises ``OSError``."""
    return lock_path(store).lstat().st_uid


def _read(fd: int) -> LockInfo | None:
    try:
        return decode_info(os.pread(fd, READ_LIMIT_BYTES, 0))
    except (OSError, StoreError):
        return None


def open_store_file(store: Path) -> int:
    """Open the file of a store to write, made if need be; returns its descriptor.

    Raises ``StoreError`` for a folder, a symbolic link, and a path that cannot be written. While SQLite has the file
    open in this process, the descriptor must not be closed.
    """
    try:
        return os.open(store, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, _FILE_MODE)
    except IsADirectoryError as error:
        raise StoreError(f"the store {store} is a folder", "specify a file in it") from error
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise StoreError(f"the store {store} is a symbolic link", "specify the file it points to") from error
        raise StoreError(
            f"cannot write the store {store}: {error.strerror}", "use --store to choose a writable folder"
        ) from error


def no_locks(store: Path, why: str) -> StoreError:
    """Make the error about a file system without file locks: two programs would write at once."""
    return StoreError(
        f"the file system of the store {store} does not support file locks ({why})",
        "use --store to choose a local file system",
    )


def _check_locks(store: Path, path: Path) -> None:
    """Raise ``StoreError`` where a lock that is held can be taken again."""
    fd = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return
    finally:
        os.close(fd)
    raise no_locks(store, "a lock can be acquired twice")


def _try_lock(store: Path, fd: int) -> bool:
    """Take the lock; a probe of a reader releases it at once, so a single refusal does not count."""
    for _ in range(_TRIES):
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            time.sleep(_PROBE_S)
        except OSError as error:
            if error.errno in NO_LOCKS:
                raise no_locks(store, error.strerror or str(error)) from error
            raise
        else:
            return True
    return False


def _held(store: Path, info: LockInfo | None) -> StoreHeldError:
    if info is None:
        return StoreHeldError(f"another recorder is using the store {store}", "see `wsmon ps`", 0)
    return StoreHeldError(
        f"another recorder (pid {info.pid}, {info.configuration}) is using the store {store}",
        "view it with `wsmon attach`, stop it with `wsmon stop`, or choose another store with --store",
        info.pid,
    )

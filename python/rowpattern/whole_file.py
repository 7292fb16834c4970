"""Writing a file such that it is there only when all of it is written."""

from __future__ import annotations

import contextlib
import os
import stat
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["whole_file"]


@contextlib.contextmanager
def whole_file(path: str | os.PathLike[str], *, synced: bool = False) -> Iterator[BinaryIO]:
    """Open a file to be written, which is put into its place when the block ends, and not where it raises.

    Args:
        path: the file. Where it is a link, the file that it points to is written, and the link stays. A pipe or a
            device takes what is written as it is.
        synced: whether it has to be on the disk before it is in its place.

    Raises:
        OSError: it cannot be written. The error names the file, or the folder in which it cannot be made.

    Examples:
        >>> import pathlib, tempfile
        >>> from rowpattern.whole_file import whole_file
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     target = pathlib.Path(folder, "answer")
        ...     with whole_file(target) as file:
        ...         written = file.write(b"all of it")
        ...         target.exists()
        ...     target.read_bytes()
        False
        b'all of it'
    """
    # Not before it is needed: importing the package would take longer.
    import tempfile

    target = Path(path).resolve()
    if target.exists() and not target.is_file():
        with _naming(path), target.open("wb") as device:
            yield device
        return
    mode = stat.S_IMODE(target.stat().st_mode) if target.exists() else 0o666 & ~_umask()
    # With a random name, so that it cannot be a file or a link of somebody else.
    try:
        descriptor, name = tempfile.mkstemp(prefix=f".{target.name}.", dir=target.parent)
    except OSError as error:
        # The caller knows the folder, and not the random name.
        raise OSError(error.errno, error.strerror, str(target.parent)) from None
    unfinished = Path(name)
    try:
        with _naming(path):
            with os.fdopen(descriptor, "wb") as file:
                yield file
                if synced:
                    file.flush()
                    os.fsync(file.fileno())
            unfinished.chmod(mode)
        unfinished.replace(target)
    finally:
        with contextlib.suppress(FileNotFoundError):
            unfinished.unlink()


@contextlib.contextmanager
def _naming(path: str | os.PathLike[str]) -> Iterator[None]:
    """Have errors of writing name the file: Python's do not, as of a full disk."""
    try:
        yield
    except OSError as error:
        if error.filename is not None or error.errno is None:
            raise
        raise OSError(error.errno, error.strerror, str(path)) from None


def _umask() -> int:
    mask = os.umask(0o077)
    os.umask(mask)
    return mask

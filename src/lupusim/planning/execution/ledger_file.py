"""How a ledger is known as ours, and a block in it as it was written."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from lupusim.errors import LupusimError

APPLICATION = 0x6C757075  # "lupu"
"""Stands in the header of every ledger."""
_MAGIC = b"SQLite format 3\0"


class LedgerError(LupusimError):
    """A run folder cannot be used as asked; nothing in it was changed."""


def refuse_foreign(path: Path) -> None:
    """Raise LedgerError, before SQLite touches it, if a file is none of our ledgers.

    The header is read as bytes: opening a database that belongs to another program could change
    it. An empty file is a ledger whose making was interrupted.
    """
    if not path.exists():
        return
    if not path.is_file():
        raise LedgerError(f"{path} is no file: give another folder")
    with path.open("rb") as stream:
        head = stream.read(72)
    if head and not (head.startswith(_MAGIC) and head[68:72] == APPLICATION.to_bytes(4, "big")):
        raise LedgerError(
            f"{path} is not a ledger that can be read: it was not written by this version of "
            "lupusim, and is left as it is. Give another folder"
        )


def signed(*row: Any) -> tuple[Any, ...]:
    """Return a row of the blocks with its checksum."""
    return (*row, _checksum(row))


def is_whole(row: Sequence[Any]) -> bool:
    """Return whether a row of the blocks is as it was written."""
    return bool(row[-1] == _checksum(row))


def _checksum(row: Sequence[Any]) -> str:
    """Return a digest of what a block is and holds."""
    content = "\n".join(map(str, row[:4])).encode("utf-8")
    return hashlib.blake2b(content, digest_size=16).hexdigest()

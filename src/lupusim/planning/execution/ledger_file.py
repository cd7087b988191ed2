"""How a ledger is known as ours, and a block in it as it was written."""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from lupusim.errors import LupusimError
from lupusim.simulation.moments import Moments
from lupusim.simulation.quantiles import Counts
from lupusim.simulation.tally import Tally

APPLICATION = 0x6C757075  # "lupu"
"""Stands in the header of every ledger."""
_MAGIC = b"SQLite format 3\0"


class LedgerError(LupusimError):
    """A run folder cannot be used as asked; nothing in it was changed."""


class OtherRunError(LedgerError):
    """A ledger holds a run of another seed, version or code, or of another scenario."""

    def __init__(self, folder: Path, different: str) -> None:
        super().__init__(
            f"{folder} holds another run, and they must not be mixed: {different}. Give another "
            "folder"
        )
        self.different = different


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


def refuse_programs(path: Path, connection: sqlite3.Connection) -> None:
    """Raise LedgerError, and close it, where a database does by itself what nobody asked for."""
    query = "SELECT name FROM sqlite_master WHERE type IN ('trigger', 'view')"
    if found := connection.execute(query).fetchone():
        connection.close()
        raise LedgerError(
            f"{path} is no ledger of lupusim's: it holds {found[0]!r}, which none does. Give "
            "another folder"
        )


def text_of(tally: Tally) -> str:
    """Return the sums of a block as the ledger keeps them."""
    counts = {
        name: [sorted(found.piles.items()), sorted(found.bins.items())]
        for name, found in tally.counts.items()
    }
    moments = None if tally.moments is None else tally.moments.plain()
    content = [tally.sums, counts, moments, tally.n_sets]
    return json.dumps(content, separators=(",", ":"))


def tally_of(row: Sequence[Any]) -> Tally | None:
    """Return the sums of a row of the blocks; None where it is not as it was written."""
    if row[-1] != _checksum(row):
        return None
    try:
        return _read(row[3])
    except (AttributeError, TypeError, ValueError, RecursionError):
        return None


def _read(text: str) -> Tally:
    sums, counts, moments, n_sets = json.loads(text)
    tally = Tally(
        {name: (n + 0, total + 0.0, squares + 0.0) for name, (n, total, squares) in sums.items()},
        {
            name: Counts(dict(map(tuple, piles)), {number: tuple(part) for number, part in bins})
            for name, (piles, bins) in counts.items()
        },
        None if moments is None else Moments.of_plain(moments),
        n_sets + 0,
    )
    if not tally.sums:
        raise ValueError("no sums")
    return tally


def _checksum(row: Sequence[Any]) -> str:
    """Return a digest of what a block is and holds."""
    content = "\n".join(map(str, row[:4])).encode("utf-8")
    return hashlib.blake2b(content, digest_size=16).hexdigest()

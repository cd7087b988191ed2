"""The ledger: a SQLite file in a run's folder, which holds every finished block.

A block counts only after it is committed, so that a run killed at any moment goes on from
there. Blocks are named by what they are (content hash of the trial, number, replicates), not
by the run that made them: another run of the same seed and code finds them again. Differences
between two trials that share their patients are blocks of their own, named by both hashes.
"""

from __future__ import annotations

import errno
import json
import os
import sqlite3
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from enum import Enum
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from lupusim.common.frozen import dataclass
from lupusim.planning.execution.ledger_file import (
    APPLICATION,
    LedgerError,
    OtherRunError,
    refuse_foreign,
    refuse_programs,
    signed,
    tally_of,
    text_of,
)
from lupusim.planning.execution.tasks import Done
from lupusim.simulation.fingerprint import code_fingerprint, trial_fingerprint, versions
from lupusim.simulation.generation.generation import Block
from lupusim.simulation.tally import Tally
from lupusim.trial.scenario import Scenario

__all__ = ["FILE_NAME", "Asked", "Existing", "Ledger", "LedgerError", "identity"]

FILE_NAME = "ledger.sqlite"
_LAYOUT = """
CREATE TABLE IF NOT EXISTS about (name TEXT PRIMARY KEY, content TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS scenarios (
    started REAL NOT NULL, name TEXT NOT NULL, command TEXT NOT NULL, folder TEXT NOT NULL,
    n_replicates INTEGER NOT NULL, text TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS designs (
    trial TEXT PRIMARY KEY, design_point TEXT NOT NULL, n_patients INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS blocks (
    trial TEXT NOT NULL, number INTEGER NOT NULL, n_replicates INTEGER NOT NULL,
    sums TEXT NOT NULL, seconds REAL NOT NULL, finished REAL NOT NULL, checksum TEXT NOT NULL,
    PRIMARY KEY (trial, number, n_replicates)) WITHOUT ROWID;
"""


_BLOCK = "trial, number, n_replicates, sums, checksum"
_INSERT_BLOCK = "INSERT OR IGNORE INTO blocks VALUES (?, ?, ?, ?, ?, ?, ?)"


class Existing(Enum):
    """What to do with a run that a folder holds already."""

    REFUSE = "refuse"
    """Leave it alone and say so."""
    RESUME = "resume"
    """Take over its finished blocks."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What a run was asked for, as its ledger remembers it."""

    started: float  # seconds since 1970
    name: str
    command: str
    folder: str
    n_replicates: int  # replicates per design point
    text: str
    """`name`, `command`, `folder` and `text`: name of the scenario, how it was named, the folder of
    its file, and the file as read."""


class Ledger:
    """The finished blocks of a run folder; one process at a time.

    Parameters
    ----------
    folder : Path
        Made if need be.
    existing : Existing
        What to do where the folder holds a run already.

    Raises
    ------
    LedgerError
        If the folder holds a run and `existing` is REFUSE, or if another process uses it.
    OSError
        If the folder cannot be written.
    """

    def __init__(self, folder: Path, *, existing: Existing = Existing.REFUSE) -> None:
        self.folder = folder
        self.path = folder / FILE_NAME
        if self.path.exists() and existing is Existing.REFUSE:
            raise LedgerError(
                f"{folder} holds a run already: continue it with --resume, or give another folder"
            )
        refuse_foreign(self.path)
        folder.mkdir(parents=True, exist_ok=True)
        with self._told():
            self._connection = _connect(self.path)
            refuse_programs(self.path, self._connection)

    @classmethod
    def reading(cls, folder: Path) -> Ledger:
        """Open the ledger of a folder that holds one, also where nothing may be written.

        Raises
        ------
        LedgerError
            If the folder holds no run.
        """
        if not (folder / FILE_NAME).is_file():
            raise LedgerError(f"{folder} holds no run: there is no {FILE_NAME} in it")
        if os.access(folder, os.W_OK):
            return cls(folder, existing=Existing.RESUME)
        refuse_foreign(folder / FILE_NAME)
        ledger = cls.__new__(cls)
        ledger.folder, ledger.path = folder, folder / FILE_NAME
        location = f"{ledger.path.resolve().as_uri()}?immutable=1"
        with ledger._told():
            ledger._connection = sqlite3.connect(location, uri=True)
            refuse_programs(ledger.path, ledger._connection)
        return ledger

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the file and let other processes use it."""
        self._connection.close()

    def begin(
        self, scenario: Scenario, *, seed: int, n_replicates: int, estimates: str = ""
    ) -> None:
        """Enter what is asked for, after checking that it may stand beside what is there.

        Parameters
        ----------
        scenario : Scenario
            What is simulated.
        seed, n_replicates : int
            Of the run.
        estimates : str
            How shares are estimated; runs that differ in it are not mixed.

        Raises
        ------
        LedgerError
            If the ledger was written with another seed, version or code, or for a scenario
            that shares no design with this one.
        """
        designs = {trial_fingerprint(point.trial): point for point in scenario.points}
        with self._told(), self._connection as connection:
            wanted = identity(seed) | ({"estimates": estimates} if estimates else {})
            self._check(wanted, list(designs))
            connection.executemany("INSERT OR IGNORE INTO about VALUES (?, ?)", wanted.items())
            connection.execute(
                "INSERT INTO scenarios VALUES (?, ?, ?, ?, ?, ?)",
                (
                    time.time(),
                    scenario.name,
                    scenario.command,
                    str(_folder_of(scenario)),
                    n_replicates,
                    scenario.text,
                ),
            )
            connection.executemany(
                "INSERT OR IGNORE INTO designs VALUES (?, ?, ?)",
                [
                    (key, json.dumps(dict(point.values)), point.trial.n_patients)
                    for key, point in designs.items()
                ],
            )

    def _check(self, wanted: Mapping[str, str], designs: Sequence[str]) -> None:
        known = self.about()
        different = [
            f"{name} was {known[name]}, is now {content}"
            for name, content in wanted.items()
            if name in known and known[name] != content
        ]
        there = {row[0] for row in self._connection.execute("SELECT trial FROM designs")}
        if not different and there and not there.intersection(designs):
            different.append("the scenario has changed: none of its designs is in the folder")
        if different:
            raise OtherRunError(self.folder, "; ".join(different))

    def about(self) -> dict[str, str]:
        """Return seed and versions; empty where nothing was begun."""
        with self._told():
            return dict(self._connection.execute("SELECT name, content FROM about"))

    def asked(self) -> list[Asked]:
        """Return what was asked for, oldest first."""
        query = "SELECT started, name, command, folder, n_replicates, text FROM scenarios"
        with self._told():
            rows = self._connection.execute(f"{query} ORDER BY started").fetchall()
        names = ("started", "name", "command", "folder", "n_replicates", "text")
        return [Asked(**dict(zip(names, row, strict=True))) for row in rows]

    def finished(self, trial: str, *, seed: int) -> Iterator[tuple[Block, Tally]]:
        """Yield the finished blocks of a trial with their sums, by number.

        Raises
        ------
        LedgerError
            If one was changed after it was written.
        """
        query = f"SELECT {_BLOCK} FROM blocks WHERE trial = ? ORDER BY number"
        with self._told():
            for row in self._connection.execute(query, (trial,)):
                if (tally := tally_of(row)) is None:
                    raise LedgerError(self._damage(row))
                yield Block(seed=seed, number=row[1], n_replicates=row[2]), tally

    def _damage(self, row: Sequence[Any]) -> str:
        """Return what is told of a block that was changed."""
        rows = self._connection.execute(f"SELECT {_BLOCK} FROM blocks")
        whole = [tally_of(other) is not None for other in rows]
        return (
            f"{self.path}: block {row[1]} was changed after it was written. "
            f"{sum(whole)} of {len(whole)} blocks are whole: save them with 'lupusim "
            f"merge {self.folder} --out NEW', and go on there with --resume"
        )

    def store(self, done: Done) -> None:
        """Commit the blocks of a finished task; after this they survive anything.

        Raises
        ------
        OSError
            If the disk is full; what was committed before is kept.
        """
        share = done.seconds / (len(done.blocks) * len(done.by_key))
        now = time.time()
        rows = [
            signed(key, block.number, block.n_replicates, text_of(tally), share, now)
            for key, tallies in done.by_key.items()
            for block, tally in zip(done.blocks, tallies, strict=True)
        ]
        with self._told(), self._connection as connection:
            connection.executemany(_INSERT_BLOCK, rows)

    def copy(self, other: Ledger) -> int:
        """Take over the whole blocks of another ledger; return how many were damaged.

        A damaged block is left out: the same seed simulates it again.

        Raises
        ------
        LedgerError
            If both hold the same block with different sums.
        """
        with self._told(), self._connection as connection:
            damaged = 0
            for row in other._rows("blocks"):
                if tally_of(row) is None:
                    damaged += 1
                    continue
                self._refuse_contradiction(row, other.folder)
                connection.execute(_INSERT_BLOCK, row)
            connection.executemany(
                "INSERT OR IGNORE INTO about VALUES (?, ?)", other._rows("about")
            )
            connection.executemany(
                "INSERT OR IGNORE INTO designs VALUES (?, ?, ?)", other._rows("designs")
            )
            connection.executemany(
                "INSERT INTO scenarios VALUES (?, ?, ?, ?, ?, ?)", other._rows("scenarios")
            )
            return damaged

    def _rows(self, table: str) -> Iterator[tuple[object, ...]]:
        with self._told():
            yield from self._connection.execute(f"SELECT * FROM {table}")

    def _refuse_contradiction(self, row: tuple[object, ...], folder: Path) -> None:
        query = "SELECT sums FROM blocks WHERE trial = ? AND number = ? AND n_replicates = ?"
        known = self._connection.execute(query, row[:3]).fetchone()
        if known is not None and known[0] != row[3]:
            raise LedgerError(
                f"{folder}: block {row[1]} differs from the same block in another folder, "
                "although seed and code are the same: were the machines of different kinds? "
                "Nothing was merged"
            )

    @contextmanager
    def _told(self) -> Iterator[None]:
        """Turn SQLite's errors into a message about the folder."""
        try:
            yield
        except sqlite3.DatabaseError as error:
            raise _explained(self.path, error) from error
        except UnicodeDecodeError as error:  # SQLite's own message quotes a damaged layout
            raise _explained(self.path, sqlite3.DatabaseError("its layout is damaged")) from error


def identity(seed: int) -> dict[str, str]:
    """Return what must be equal for blocks to be mixed: seed, versions and code."""
    named = {f"{name} version": content for name, content in versions().items()}
    return {"seed": str(seed), **named, "simulation code": code_fingerprint()}


def _connect(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, timeout=0.0)
    # The exclusive lock keeps a second process out, is dropped by the system when this one
    # dies, and lets the write-ahead log work on file systems without shared memory.
    connection.execute("PRAGMA locking_mode = EXCLUSIVE")
    # Asking undoes what a killed process had begun, which may leave an empty file. The mark is made
    # before the log is: it stands in the file.
    if connection.execute("PRAGMA application_id").fetchone()[0] != APPLICATION:
        connection.execute(f"PRAGMA application_id = {APPLICATION}")
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = NORMAL")
    connection.executescript("BEGIN IMMEDIATE;" + _LAYOUT + "COMMIT;")
    return connection


def _folder_of(scenario: Scenario) -> Path:
    path = Path(scenario.command)
    return path.parent.resolve() if path.is_file() else Path()


def _explained(path: Path, error: sqlite3.DatabaseError) -> Exception:
    """Return what SQLite found, in the words of somebody who asked for a run folder."""
    kept = "what was finished before is kept; make room and continue with --resume"
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        return LedgerError(f"{path.parent} is in use by another run: wait, or give another folder")
    if code in (sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR):
        return OSError(errno.ENOSPC, f"the disk is full or failing: {kept} ({error})", str(path))
    if code in (sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM):
        return PermissionError(
            errno.EACCES, "the run folder cannot be written; nothing was changed", str(path)
        )
    return LedgerError(
        f"{path} is not a ledger that can be read: {error}. Keep it aside and give another "
        "folder: the same seed gives the same numbers again"
    )

"""Keeps finished evaluations on disk, with the result for each image.

Owns one SQLite file. Knows no network and no transport: a key is text, a value is numbers and bits.
"""

import json
import logging
import sqlite3
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from collm_nas_evaluator.errors import UsageError

_log = logging.getLogger(__name__)
_TABLE = """
CREATE TABLE IF NOT EXISTS evaluations (
    digest TEXT NOT NULL, data TEXT NOT NULL, architecture TEXT NOT NULL,
    metrics TEXT NOT NULL, seconds REAL NOT NULL, images INTEGER NOT NULL, correct BLOB NOT NULL,
    standard_errors TEXT,
    PRIMARY KEY (digest, data, architecture)
) WITHOUT ROWID
"""


@dataclass(frozen=True, slots=True)
class Key:
    """What an evaluation depends on: the digest of the space, the images, and the architecture's canonical text."""

    digest: str
    data: str
    architecture: str


@dataclass(frozen=True, slots=True)
class Record:
    """A finished evaluation: its metrics, the seconds it took, and for each image whether it was right [images].

    `standard_errors` are those of its metrics; None in a record of an older version, which kept none.
    """

    metrics: Mapping[str, float]
    seconds: float
    correct: NDArray[np.bool_]
    standard_errors: Mapping[str, float] | None = None


class Store:
    """Evaluations by key. Several processes may use one file at a time.

    Raises UsageError when the file cannot be opened or is no store.
    """

    def __init__(self, path: Path) -> None:
        self._lock = threading.Lock()
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._connection = sqlite3.connect(path, timeout=30, isolation_level=None, check_same_thread=False)
            self._connection.execute("PRAGMA journal_mode = WAL")
            self._connection.execute(_TABLE)
            self._bring_up_to_date()
        except (sqlite3.Error, OSError) as error:
            raise UsageError(f"the store of evaluations {path} cannot be used ({error}); move it away") from error

    def find(self, key: Key) -> Record | None:
        """The evaluation under a key, or None. When the file cannot be read it is None too, and that is logged."""
        query = (
            "SELECT metrics, seconds, images, correct, standard_errors FROM evaluations "
            "WHERE digest=? AND data=? AND architecture=?"
        )
        try:
            with self._lock:
                row = self._connection.execute(query, (key.digest, key.data, key.architecture)).fetchone()
        except sqlite3.Error as error:
            _log.warning("the store of evaluations cannot be read: %s", error)
            return None
        if row is None:
            return None
        metrics, seconds, images, packed, errors = row
        correct = np.unpackbits(np.frombuffer(packed, np.uint8), count=images).astype(bool)
        return Record(json.loads(metrics), seconds, correct, None if errors is None else json.loads(errors))

    def keep(self, key: Key, record: Record) -> None:
        """Saves an evaluation. When that fails it is only logged, because the measurement is valid all the same."""
        packed = np.packbits(record.correct).tobytes()
        errors = None if record.standard_errors is None else json.dumps(dict(record.standard_errors))
        values = (json.dumps(dict(record.metrics)), record.seconds, len(record.correct), packed, errors)
        try:
            with self._lock:
                self._connection.execute(
                    "INSERT OR REPLACE INTO evaluations VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                    (key.digest, key.data, key.architecture, *values),
                )
        except sqlite3.Error as error:
            _log.warning("an evaluation could not be stored: %s", error)

    def _bring_up_to_date(self) -> None:
        """Adds what a file of an older version lacks; two processes may do it at the same time."""
        if self._has_standard_errors():
            return
        self._connection.execute("BEGIN IMMEDIATE")
        if not self._has_standard_errors():
            self._connection.execute("ALTER TABLE evaluations ADD COLUMN standard_errors TEXT")
        self._connection.execute("COMMIT")

    def _has_standard_errors(self) -> bool:
        return any(row[1] == "standard_errors" for row in self._connection.execute("PRAGMA table_info(evaluations)"))

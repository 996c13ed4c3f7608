"""One SQLite file: opened so that what is committed survives a power cut, and believed only if every byte is right.

Which tables there are is told by the steps of `sqlite`; here each of them has a last column `seal`, the CRC-32 of the
others, and a table `state` that says the schema's version a second time. SQL has the function `seal` for it. Where the
file lies is `folder`'s.
"""

import sqlite3
import threading
import zlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

import msgspec

from chainpilot.station.agent.ports import MemoryFault, MemoryFull

__all__ = ["SCHEMA", "Damage", "Database", "Row", "SqlValue", "intact", "open_database", "seal"]

SCHEMA: Final = "schema"
"""The name in `state` of the schema's version."""
_BUSY_SECONDS: Final = 2.0
"""Another program (a backup, the sqlite3 shell) may hold the file for moments; once we have it, nobody else gets it."""
_PRAGMAS: Final = (
    "locking_mode=EXCLUSIVE",  # first: then WAL needs no shared memory, and no program reads what is half done
    "synchronous=FULL",
    "wal_autocheckpoint=256",
    "journal_size_limit=1048576",
    "cache_size=-512",
    "temp_store=MEMORY",
    "secure_delete=ON",
    "trusted_schema=OFF",
    "cell_size_check=ON",
)
_NO_DAMAGE: Final = {
    sqlite3.SQLITE_FULL: "the disk is full",
    sqlite3.SQLITE_BUSY: "another program holds the database locked",
    sqlite3.SQLITE_LOCKED: "another program holds the database locked",
    sqlite3.SQLITE_READONLY: "the database, or its file system, is read-only",
    sqlite3.SQLITE_PERM: "the database can't be accessed",
    sqlite3.SQLITE_AUTH: "the database can't be accessed",
    sqlite3.SQLITE_CANTOPEN: "the database can't be opened",
    sqlite3.SQLITE_IOERR: "the disk can't be read or written",
    sqlite3.SQLITE_PROTOCOL: "another program holds the database locked",
    sqlite3.SQLITE_NOLFS: "the disk can't be read or written",
}
"""What says nothing of the file's content, by SQLite's primary code."""
_MALFORMED: Final = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_FORMAT})
_REMEDY: Final = "the agent begins another database when it starts again"
_STATE: Final = "INSERT OR REPLACE INTO state VALUES (?1, ?2, seal(?1, ?2))"

_NOTHING: Final[Mapping[str, str]] = MappingProxyType({})
SqlValue = str | bytes | int | None
Row = tuple[Any, ...]
Steps = Sequence[Sequence[str]]


@dataclass(frozen=True, slots=True)
class Damage:
    """The file isn't what was written; `why` says how that shows."""

    why: str


class _Empty(Damage):
    """Nothing was ever committed in it, or all of that is gone."""


class Database:
    """The open file; any thread may use it, one at a time."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._lock = threading.Lock()
        self._closed = False

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """What is done in it is durable when it ends, or was never done. Raises MemoryFault."""
        with self._held() as connection, _transaction(connection):
            yield connection

    def rows(self, query: str, *values: SqlValue) -> list[Row]:
        """What one query finds, each row without its seal. Raises MemoryFault, for a broken seal too."""
        with self._held() as connection:
            found = connection.execute(query, values).fetchall()
        return [intact(row) for row in found]

    def close(self) -> None:
        """Close the file; a second time does nothing. Raises MemoryFault."""
        with self._lock, _in_words():
            self._closed = True
            self._connection.close()

    @contextmanager
    def _held(self) -> Iterator[sqlite3.Connection]:
        with self._lock, _in_words():
            if self._closed:
                raise MemoryFault("it was closed")
            yield self._connection


def seal(*columns: SqlValue) -> int:
    """What the last column of a row with these others must be."""
    return zlib.crc32(msgspec.msgpack.encode(columns))


def intact(row: Row) -> Row:
    """The row without its seal. Raises MemoryFault when it isn't the row that was written."""
    if seal(*row[:-1]) != row[-1]:
        raise MemoryFault(f"an entry isn't as it was written; {_REMEDY}")
    return row[:-1]


def open_database(
    path: Path | None, steps: Steps, anew: Mapping[str, str] = _NOTHING, *, empty_is_damage: bool = False
) -> Database | Damage:
    """Open the file and bring it to the newest schema; one in which nothing was ever committed gets its tables.

    Args:
        path: the file; None: in RAM.
        steps: the statements that lead from each version of the schema to the next; nothing comes before the first.
        anew: what `state` begins with where the file was empty.
        empty_is_damage: there were tables before.

    Raises:
        MemoryFault: it can't be opened now, or its schema is newer than we know.
    """
    place = path or ":memory:"
    with _in_words(), ExitStack() as undo:
        connection = sqlite3.connect(place, timeout=_BUSY_SECONDS, isolation_level=None, check_same_thread=False)
        undo.callback(connection.close)
        connection.create_function("seal", -1, seal, deterministic=True)
        damage = _prepare(connection, steps, in_file=path is not None)
        begins = isinstance(damage, _Empty) and not empty_is_damage
        if damage is not None and not begins:
            return damage
        with _transaction(connection):
            _advance(connection, steps)
            connection.executemany(_STATE, anew.items() if begins else ())
        if begins:
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").close()  # without its log the file still has tables
        undo.pop_all()
    return Database(connection)


def _prepare(connection: sqlite3.Connection, steps: Steps, *, in_file: bool) -> Damage | None:
    try:
        for pragma in _PRAGMAS:
            connection.execute(f"PRAGMA {pragma}").close()
        mode = connection.execute("PRAGMA journal_mode=WAL").fetchone()[0]
        if in_file and mode != "wal":
            raise MemoryFault("the database can't be kept with a write-ahead log on this file system")
        with _transaction(connection):
            return _judge(connection, steps)
    except (sqlite3.Error, UnicodeError) as error:  # a text that is no UTF-8 any more
        if _code(error) in _NO_DAMAGE:
            raise
        return Damage(_why(error))


def _judge(connection: sqlite3.Connection, steps: Steps) -> Damage | None:
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    tables = [name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
    if version == 0 and not tables:
        return _Empty("the database is empty")
    found = connection.execute("PRAGMA integrity_check(1)").fetchone()[0]
    if found != "ok":
        return Damage("the database's pages contradict each other")
    stated = connection.execute("SELECT * FROM state WHERE name = ?", (SCHEMA,)).fetchone()
    if stated is None or stated[1:] != (str(version), seal(SCHEMA, str(version))):
        return Damage("the database doesn't say which schema it has")
    if version > len(steps):
        raise MemoryFault(f"the database was written by a newer program (schema {version}, known is {len(steps)})")
    if not all(_is_intact(connection, table) for table in tables):
        return Damage("an entry of the database isn't as it was written")
    return None


def _is_intact(connection: sqlite3.Connection, table: str) -> bool:
    quoted = table.replace('"', '""')
    rows = connection.execute(f'SELECT * FROM "{quoted}"')  # noqa: S608 - a table that is there
    return all(seal(*row[:-1]) == row[-1] for row in rows)


def _advance(connection: sqlite3.Connection, steps: Steps) -> None:
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    if version == len(steps):
        return
    for step in steps[version:]:
        for statement in step:
            connection.execute(statement)
    new = str(len(steps))
    connection.execute(f"PRAGMA user_version={new}")
    connection.execute(_STATE, (SCHEMA, new))


@contextmanager
def _transaction(connection: sqlite3.Connection) -> Iterator[None]:
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:  # whatever ends it, what was begun is not left open
        if connection.in_transaction:  # some errors have ended it already
            with suppress(sqlite3.Error):  # the first error tells more
                connection.execute("ROLLBACK")
        raise


@contextmanager
def _in_words() -> Iterator[None]:
    try:
        yield
    except sqlite3.Error as error:
        kind = MemoryFull if _code(error) == sqlite3.SQLITE_FULL else MemoryFault
        remedy = f"; {_REMEDY}" if _code(error) in _MALFORMED else ""
        raise kind(_why(error) + remedy) from error
    except (UnicodeError, OverflowError):  # its text quotes the value
        raise MemoryFault("a text or number can't be written to a database") from None
    except MemoryError:  # what Python makes of SQLITE_NOMEM
        raise MemoryFault("there is no RAM left") from None


def _code(error: BaseException) -> int | None:
    """SQLite's primary code; None for what Python's own layer found wrong."""
    code = getattr(error, "sqlite_errorcode", None)
    return code & 0xFF if isinstance(code, int) else None


def _why(error: BaseException) -> str:
    name = getattr(error, "sqlite_errorname", type(error).__name__)
    code = _code(error)
    if code in _MALFORMED:
        return f"the database is malformed ({name})"
    return f"{_NO_DAMAGE.get(code or 0, 'the database can not be used')} ({name})"

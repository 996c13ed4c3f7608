"""What the agent remembers, as tables: documents, the security log, the queue of events, and things kept for a while.

Every method is one transaction. Whether a document is still readable is its flow's to say; what is sent when is
`agent.reporting`'s.
"""

import logging
import sqlite3
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final, Self

from chainpilot.station.adapters.memory.database import Damage, Database, open_database
from chainpilot.station.adapters.memory.folder import Folder
from chainpilot.station.agent.events.types import SecurityEvent, SecurityEventType, is_critical, read_event_type
from chainpilot.station.agent.ports import MemoryFault, QueuedEvent

__all__ = ["DEFAULT_LIMITS", "Limits", "SqliteMemory"]

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)
_OPENED_ANEW: Final = "opened_anew"
_OVERFLOW_LINE: Final = "overflow_line"
_OVERFLOW_COUNT: Final = "overflow_count"
_STEPS: Final = (
    (
        "CREATE TABLE state (name TEXT PRIMARY KEY, content TEXT NOT NULL, seal INTEGER NOT NULL)",
        "CREATE TABLE document (name TEXT PRIMARY KEY, data BLOB NOT NULL, seal INTEGER NOT NULL)",
        "CREATE TABLE log (number INTEGER PRIMARY KEY, type TEXT NOT NULL, at INTEGER NOT NULL, tech_info TEXT, "
        "seal INTEGER NOT NULL)",
        "CREATE TABLE queue (number INTEGER PRIMARY KEY, type TEXT NOT NULL, at INTEGER NOT NULL, tech_info TEXT, "
        "critical INTEGER NOT NULL, seal INTEGER NOT NULL)",
        "CREATE TABLE kept (key TEXT PRIMARY KEY, data BLOB NOT NULL, ends INTEGER NOT NULL, seal INTEGER NOT NULL)",
        "CREATE INDEX kept_ends ON kept (ends)",
    ),
)
"""What leads from each version of the schema to the next. Moments are microseconds since 1970. A type of event that is
new makes no new version: an older program tells it all the same."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How much is remembered; a station's flash is small, and what fills it comes from outside."""

    document_bytes: int = 1_000_000
    """Of one document."""
    queued_events: int = 1000
    """Events that wait: of too many the oldest that isn't critical goes, else the oldest."""
    log_entries: int = 10_000
    """Of the security log; the oldest go, which is rotation and no clearing."""
    kept: int = 5000
    """Things kept for a while; those that end first go."""
    kept_bytes: int = 65_536
    """Of one such thing."""


DEFAULT_LIMITS: Final = Limits()


class SqliteMemory:
    """`agent.ports.Memory` in one SQLite file."""

    def __init__(self, database: Database, folder: Folder | None, limits: Limits) -> None:
        """For `open`."""
        self._database = database
        self._folder = folder
        self._limits = limits
        self._opened_anew = self._state(_OPENED_ANEW)

    @classmethod
    def open(cls, directory: Path | None, *, limits: Limits = DEFAULT_LIMITS) -> Self:
        """The memory in that directory, which is made where it is missing; None: in RAM, for rehearsals.

        A file that is malformed or missing is moved aside as `agent.db.broken-<n>` and another begun: `opened_anew`.

        Raises:
            MemoryFault: the directory is a link, somebody else's or writable by others; another agent works there; the
                disk is full or broken; the file was written by a newer program.
        """
        with ExitStack() as undo:
            folder = None if directory is None else Folder.take(directory)
            if folder is not None:
                undo.callback(folder.close)
            database = _opened_in(folder) if folder is not None else _begun(open_database(None, _STEPS))
            undo.callback(database.close)
            if folder is not None:
                folder.settle()
            memory = cls(database, folder, limits)
            undo.pop_all()
        return memory

    @property
    def opened_anew(self) -> str | None:
        """Why this memory doesn't know what was known before; None: nothing was lost.

        Until an event SecurityLogWasCleared is added it is told at every opening.
        """
        return self._opened_anew

    def close(self) -> None:
        """Close the file and let another process work with it; a second time does nothing. Raises MemoryFault."""
        folder, self._folder = self._folder, None
        try:
            self._database.close()
        finally:
            if folder is not None:
                folder.close()

    def read(self, name: str) -> bytes | None:
        """The document of that name; None where there is none. Raises MemoryFault."""
        rows = self._database.rows("SELECT * FROM document WHERE name = ?", name)
        return bytes(rows[0][1]) if rows else None

    def write(self, changes: Mapping[str, bytes | None]) -> None:
        """Replace documents, or remove them (None): all of them or none.

        Raises:
            MemoryFault: not possible now, or a document is over its limit.
        """
        for name, data in changes.items():
            if data is not None and len(data) > self._limits.document_bytes:
                raise MemoryFault(f"the document {name!r} is larger than {self._limits.document_bytes} bytes")
        with self._database.transaction() as sql:
            for name, data in changes.items():
                if data is None:
                    sql.execute("DELETE FROM document WHERE name = ?", (name,))
                else:
                    sql.execute("INSERT OR REPLACE INTO document VALUES (?1, ?2, seal(?1, ?2))", (name, data))

    def add_event(self, event: SecurityEvent, *, queued: bool = True, once: bool = False) -> bool:
        """Append to the security log and, where `queued`, to the queue; both or none.

        With `once` nothing is added while an event of that type waits. Of too many that wait one is dropped, which a
        line of the log tells. Answers whether it was added. Raises MemoryFault.
        """
        with self._database.transaction() as sql:
            if once and sql.execute("SELECT 1 FROM queue WHERE type = ?", (event.type.value,)).fetchone():
                return False
            number = _logged(sql, event)
            if queued:
                row = (number, *_columns(event), int(is_critical(event.type)))
                sql.execute("INSERT INTO queue VALUES (?1, ?2, ?3, ?4, ?5, seal(?1, ?2, ?3, ?4, ?5))", row)
                self._drop_surplus(sql, event.at)
            if event.type is SecurityEventType.SECURITY_LOG_WAS_CLEARED:
                _forget_state(sql, _OPENED_ANEW)
            newest = sql.execute("SELECT max(number) FROM log").fetchone()[0]
            sql.execute("DELETE FROM log WHERE number <= ?", (newest - self._limits.log_entries,))
        return True

    def queued_events(self, limit: int) -> tuple[QueuedEvent, ...]:
        """The events that wait, the oldest first. Raises MemoryFault."""
        rows = self._database.rows("SELECT * FROM queue ORDER BY number LIMIT max(0, ?)", limit)
        return tuple(QueuedEvent(number, _event(*columns)) for number, *columns, _ in rows)

    def settle_event(self, number: int) -> None:
        """Take an event out of the queue, if it is there. It stays in the log. Raises MemoryFault."""
        with self._database.transaction() as sql:
            sql.execute("DELETE FROM queue WHERE number = ?", (number,))
            if not sql.execute("SELECT 1 FROM queue LIMIT 1").fetchone():
                _forget_state(sql, _OVERFLOW_LINE, _OVERFLOW_COUNT)

    def security_log(self, oldest: datetime | None, latest: datetime | None) -> tuple[SecurityEvent, ...]:
        """The log's events between two moments (each included; None is open), in the order they were added.

        Raises MemoryFault.
        """
        rows = self._database.rows(
            "SELECT * FROM log WHERE (?1 IS NULL OR at >= ?1) AND (?2 IS NULL OR at <= ?2) ORDER BY number",
            None if oldest is None else _microseconds(oldest),
            None if latest is None else _microseconds(latest),
        )
        return tuple(_event(*columns) for _, *columns in rows)

    def keep(self, key: str, data: bytes, until: datetime) -> None:
        """Remember `data` for `key` until that moment; of too many the ones that end first are forgotten.

        Raises:
            MemoryFault: not possible now, or the data is over its limit.
        """
        if len(data) > self._limits.kept_bytes:
            raise MemoryFault(f"something to be kept is larger than {self._limits.kept_bytes} bytes")
        row = (key, data, _microseconds(until))
        with self._database.transaction() as sql:
            sql.execute("INSERT OR REPLACE INTO kept VALUES (?1, ?2, ?3, seal(?1, ?2, ?3))", row)
            surplus = sql.execute("SELECT count(*) FROM kept").fetchone()[0] - self._limits.kept
            if surplus > 0:
                first = "SELECT rowid FROM kept ORDER BY ends, rowid LIMIT ?"
                sql.execute(f"DELETE FROM kept WHERE rowid IN ({first})", (surplus,))  # noqa: S608 - our own words

    def kept(self, key: str, at: datetime) -> bytes | None:
        """What was kept for `key` and hasn't ended at that moment. Raises MemoryFault."""
        rows = self._database.rows("SELECT * FROM kept WHERE key = ? AND ends > ?", key, _microseconds(at))
        return bytes(rows[0][1]) if rows else None

    def forget(self, key: str | None = None) -> None:
        """Forget what was kept for `key`, or all that was kept. Raises MemoryFault."""
        with self._database.transaction() as sql:
            sql.execute("DELETE FROM kept WHERE ?1 IS NULL OR key = ?1", (key,))

    def _state(self, name: str) -> str | None:
        rows = self._database.rows("SELECT * FROM state WHERE name = ?", name)
        return str(rows[0][1]) if rows else None

    def _drop_surplus(self, sql: sqlite3.Connection, at: datetime) -> None:
        limit = self._limits.queued_events
        while sql.execute("SELECT count(*) FROM queue").fetchone()[0] > limit:
            order = "SELECT number, type, at, tech_info FROM queue ORDER BY critical, number LIMIT 1"
            number, *columns = sql.execute(order).fetchone()
            sql.execute("DELETE FROM queue WHERE number = ?", (number,))
            dropped = _event(*columns)
            _log.warning("%d security events wait already: %s of %s is not sent", limit, dropped.type.value, dropped.at)
            _note_overflow(sql, dropped, limit, at)


def _opened_in(folder: Folder) -> Database:
    why = folder.damage()
    if why is None:
        opened = open_database(folder.database, _STEPS, empty_is_damage=folder.begun)
        if isinstance(opened, Database):
            return opened
        why = opened.why
    _log.error("the agent's memory is begun anew: %s", why)
    folder.set_aside()
    return _begun(open_database(folder.database, _STEPS, {_OPENED_ANEW: why}))


def _begun(opened: Database | Damage) -> Database:
    if isinstance(opened, Damage):
        raise MemoryFault(f"a new database can't be read again: {opened.why}; the disk may be failing")
    return opened


def _logged(sql: sqlite3.Connection, event: SecurityEvent) -> int:
    """Append to the log; answers the entry's number, which is above all that were ever given."""
    number: int = sql.execute("SELECT coalesce(max(number), 0) + 1 FROM log").fetchone()[0]
    sql.execute("INSERT INTO log VALUES (?1, ?2, ?3, ?4, seal(?1, ?2, ?3, ?4))", (number, *_columns(event)))
    return number


def _note_overflow(sql: sqlite3.Connection, dropped: SecurityEvent, limit: int, at: datetime) -> None:
    """Tell what was dropped in one line of the log, which counts on until the queue is empty again."""
    state = dict(sql.execute("SELECT name, content FROM state").fetchall())
    line = int(state.get(_OVERFLOW_LINE, 0))
    count = int(state.get(_OVERFLOW_COUNT, 0)) + 1
    said = f"{limit} security events wait; not sent so far: {count}, the last one {dropped.type.value} of {dropped.at}"
    told = sql.execute(
        "UPDATE log SET tech_info = ?2, seal = seal(number, type, at, ?2) WHERE number = ?1", (line, said)
    )
    if not told.rowcount:  # the first, or that line has been rotated out
        line = _logged(sql, SecurityEvent(SecurityEventType.MEMORY_EXHAUSTION, at, said))
    for name, content in ((_OVERFLOW_LINE, line), (_OVERFLOW_COUNT, count)):
        sql.execute("INSERT OR REPLACE INTO state VALUES (?1, ?2, seal(?1, ?2))", (name, str(content)))


def _forget_state(sql: sqlite3.Connection, *names: str) -> None:
    sql.executemany("DELETE FROM state WHERE name = ?", [(name,) for name in names])


def _columns(event: SecurityEvent) -> tuple[str, int, str | None]:
    at = _microseconds(event.at)
    _moment(at)  # what can't be read again isn't written
    return event.type.value, at, event.tech_info


def _event(kind: str, at: int, tech_info: str | None) -> SecurityEvent:
    return SecurityEvent(read_event_type(kind), _moment(at), tech_info)


def _microseconds(moment: datetime) -> int:
    if moment.tzinfo is None:
        raise MemoryFault("a moment without an offset from UTC could be any hour, and isn't remembered")
    return (moment - _EPOCH) // _MICROSECOND


def _moment(at: int) -> datetime:
    try:
        return _EPOCH + at * _MICROSECOND
    except OverflowError as error:
        raise MemoryFault("a moment has no place in UTC's calendar") from error

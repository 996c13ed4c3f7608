"""The database file: made for its owner only, opened by one process, brought to the newest schema."""

import fcntl
import os
import threading
from pathlib import Path
from typing import Any, Final

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from sqlalchemy import event
from sqlalchemy.pool import NullPool

from chainpilot.errors import OwnError

__all__ = ["DatabaseInUseError", "create_private", "lock", "migrate", "open_engine"]

_MIGRATIONS: Final = Path(__file__).parent / "migrations"
_BUSY_MS: Final = 10_000
"""Another program (a backup, the sqlite3 shell) may hold the file for moments."""


class DatabaseInUseError(OwnError):
    """Another process works with this database. `path`: the file."""

    def __init__(self, path: Path) -> None:
        self.path = path
        super().__init__(f"{path} is in use by another process")


def create_private(path: Path) -> None:
    """Make the file if it isn't there, and let only its owner read it; WAL and index files take its mode.

    Must be done before SQLite opens it: closing any other descriptor of the file drops SQLite's locks.
    Raises OSError.
    """
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        os.fchmod(descriptor, 0o600)
    finally:
        os.close(descriptor)


def lock(path: Path) -> int:
    """Take the database for this process, by a file beside it; the descriptor holds the lock until it is closed.

    Raises DatabaseInUseError, OSError.
    """
    descriptor = os.open(path.with_name(path.name + ".lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        os.close(descriptor)
        raise DatabaseInUseError(path) from error
    return descriptor


def open_engine(path: Path, *, writes: bool) -> sa.Engine:
    """An engine for one thread's connection; a writer's transactions take the write lock when they begin."""
    engine = sa.create_engine(
        sa.URL.create("sqlite", database=str(path)),
        poolclass=NullPool,
        hide_parameters=True,  # they are password hashes, CSRs and chains, and an exception's text travels far
    )
    begin = "BEGIN IMMEDIATE" if writes else "BEGIN"

    @event.listens_for(engine, "connect")
    def set_up(connection: Any, _record: object) -> None:
        connection.isolation_level = None
        for pragma in (
            "journal_mode=WAL",
            "synchronous=FULL",
            "foreign_keys=ON",
            f"busy_timeout={_BUSY_MS}",
            f"query_only={'OFF' if writes else 'ON'}",
        ):
            connection.execute(f"PRAGMA {pragma}").close()

    @event.listens_for(engine, "begin")
    def begin_explicitly(connection: sa.Connection) -> None:
        """The driver's own transactions begin late and commit early around DDL and savepoints."""
        connection.exec_driver_sql(begin)

    return engine


_MIGRATING: Final = threading.Lock()
"""Alembic's `op` stands for one migration at a time in a process; two databases may be opened at once."""


def migrate(connection: sa.Connection, revision: str = "head") -> None:
    """Bring the schema to a revision, the newest unless said otherwise; the migrations are shipped in this package."""
    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))
    config.attributes["connection"] = connection
    with _MIGRATING:
        command.upgrade(config, revision)

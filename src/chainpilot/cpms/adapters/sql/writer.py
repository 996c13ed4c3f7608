"""One thread that writes, with group commit: what waits while one transaction goes to disk shares the next one."""

import threading
from collections.abc import Callable
from concurrent.futures import Future
from queue import Empty, SimpleQueue
from typing import Any, Final, TypeVar

import sqlalchemy as sa

from chainpilot.cpms.ports import LedgerFailed
from chainpilot.errors import ChainpilotError

__all__ = ["Writer", "discard", "failure_of"]

_MOST: Final = 256
"""Operations in one transaction: bounds what one failing commit fails, and how long readers' snapshots lag."""

_T = TypeVar("_T")
_Operation = Callable[[sa.Connection], Any]
_Waiting = tuple[_Operation, "Future[Any]"]


class Writer:
    """Runs operations on its own connection, each in its own savepoint; a future is done after the commit."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine
        self._queue: SimpleQueue[_Waiting | None] = SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="ledger-writer", daemon=True)
        self._closed = False
        self._gate = threading.Lock()
        self._thread.start()

    def submit(self, operation: Callable[[sa.Connection], _T]) -> "Future[_T]":
        """Queue one operation; the future raises LedgerFailed, or the operation's own chainpilot error."""
        future: Future[_T] = Future()
        with self._gate:
            if self._closed:
                future.set_exception(LedgerFailed("it is closed"))
            else:
                self._queue.put((operation, future))
        return future

    def close(self) -> None:
        """Write what is queued, then end."""
        with self._gate:
            self._closed = True
            self._queue.put(None)
        self._thread.join()

    def _run(self) -> None:
        connection: sa.Connection | None = None
        ending = False
        while not ending:
            batch, ending = self._collect()
            try:
                if connection is None:
                    connection = self._engine.connect()
                _write(connection, batch)
            except Exception as error:  # noqa: BLE001 - an adapter lets one family out (house style 4)
                _fail(batch, error)
                discard(connection)
                connection = None
        if connection is not None:
            connection.close()

    def _collect(self) -> tuple[list[_Waiting], bool]:
        """Wait for one operation, then take what else is there; the second value says that the end was reached."""
        batch: list[_Waiting] = []
        item = self._queue.get()
        while item is not None:
            if item[1].set_running_or_notify_cancel():
                batch.append(item)
            if len(batch) == _MOST:
                return batch, False
            try:
                item = self._queue.get_nowait()
            except Empty:
                return batch, False
        return batch, True


def _write(connection: sa.Connection, batch: list[_Waiting]) -> None:
    if not batch:
        return
    done: list[tuple[Future[Any], Any, BaseException | None]] = []
    connection.begin()
    for operation, future in batch:
        done.append((future, *_attempt(connection, operation)))
    connection.commit()
    for future, result, error in done:
        if error is None:
            future.set_result(result)
        else:
            future.set_exception(error)


def _attempt(connection: sa.Connection, operation: _Operation) -> tuple[Any, BaseException | None]:
    """One operation's failure must not touch the others of its batch.

    Some failures (a full disk) end SQLite's whole transaction, savepoints and all; what raised first is told then.
    """
    savepoint = connection.begin_nested()
    try:
        result = operation(connection)
    except Exception as error:  # noqa: BLE001 - an adapter lets one family out (house style 4)
        try:
            savepoint.rollback()
        except sa.exc.DBAPIError:
            raise error from None
        return None, error if isinstance(error, ChainpilotError) else failure_of(error)
    savepoint.commit()
    return result, None


def failure_of(error: Exception) -> LedgerFailed:
    """What raised, as the one family that leaves this adapter: the driver's words, without statement and parameters."""
    first = error.orig if isinstance(error, sa.exc.StatementError) and error.orig is not None else error
    failed = LedgerFailed(f"{type(first).__name__}: {first}")
    failed.__cause__ = error
    return failed


def _fail(batch: list[_Waiting], error: Exception) -> None:
    for _, future in batch:
        if not future.done():
            future.set_exception(failure_of(error))


def discard(connection: sa.Connection | None) -> None:
    """Let go of it without another statement: its transaction may be gone already."""
    if connection is not None and not connection.closed:
        connection.invalidate()
        connection.close()

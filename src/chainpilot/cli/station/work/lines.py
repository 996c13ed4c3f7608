"""Lines for a stream that may be dead, full or read by nobody: whoever tells them goes on whatever becomes of them.

A thread writes them, since a write to a pipe that nobody reads never returns. Lines that don't fit are dropped.
"""

import logging
import os
import queue
import select
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Final, Self, TextIO

__all__ = ["MAX_LINES", "LineHandler", "Lines"]

MAX_LINES: Final = 1000
"""That wait for a slow reader: some 200 KB, and more than a day of a station that nothing happens to."""
_PARTING_SECONDS: Final = 1.0
"""For what still waits when the program ends; a reader that takes nothing has had its time."""


class Lines:
    """One stream's lines, written in their order."""

    def __init__(self, stream: TextIO | None, *, on_loss: Callable[[str], None]) -> None:
        """Write nothing yet: that is done in a `with` block.

        Args:
            stream: what to write to; None, as Python has it for a stream that is closed from the beginning: nothing.
            on_loss: told why, once, when lines begin to be dropped; anew after everything went out again. It is called
                by whoever tells lines, or by the thread that writes them.
        """
        self._stream = stream
        self._on_loss = on_loss
        self._waiting: queue.Queue[str | None] = queue.Queue(MAX_LINES)
        self._is_losing = False
        self._thread: threading.Thread | None = None

    def __enter__(self) -> Self:
        """Write what was told, and from now on each line as it comes."""
        if self._stream is not None:
            # to the descriptor: nothing stays in a buffer, which Python would write at its end and fail at
            place = (self._stream.fileno(), self._stream.encoding)
            self._thread = threading.Thread(target=self._write_all, args=place, name="lines", daemon=True)
            self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Wait, but not for long, until what was told is written."""
        if self._thread is not None:
            with suppress(queue.Full):
                self._waiting.put(None, timeout=_PARTING_SECONDS)
                self._thread.join(_PARTING_SECONDS)

    def tell(self, line: str) -> None:
        """Have the line written; never blocks and never fails."""
        if self._stream is None:
            return
        try:
            self._waiting.put_nowait(line)
        except queue.Full:
            self._lose("nobody reads it")

    def _write_all(self, descriptor: int, encoding: str) -> None:
        while (line := self._waiting.get()) is not None:
            try:
                _write(descriptor, f"{line}\n".encode(encoding, "backslashreplace"))
            except OSError as error:
                self._lose(error.strerror or type(error).__name__)
            else:
                self._is_losing = self._is_losing and not self._waiting.empty()

    def _lose(self, why: str) -> None:
        if not self._is_losing:
            self._is_losing = True
            self._on_loss(why)


class LineHandler(logging.Handler):
    """Log records as such lines."""

    def __init__(self, lines: Lines) -> None:
        super().__init__()
        self._lines = lines

    def emit(self, record: logging.LogRecord) -> None:
        """Hand it on; the thread that logs never waits."""
        self._lines.tell(self.format(record))


def _write(descriptor: int, data: bytes) -> None:
    while data:
        try:
            data = data[os.write(descriptor, data) :]
        except BlockingIOError:  # whoever shares the pipe with us asked for that
            select.select((), (descriptor,), ())

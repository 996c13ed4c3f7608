"""Work that is done in the task at hand, and tells when it has to wait.

Like an eager task of Python 3.12, but the other way round: the work keeps its task, with its context, its cancellation
and its time-outs, and whoever else had a claim on that task goes on in a new one.
"""

from collections.abc import Callable, Coroutine, Generator
from functools import partial
from typing import Any

__all__ = ["Unwaiting"]


class Unwaiting:
    """To be awaited once: runs `work`, and calls `waits` before it waits for the first time."""

    __slots__ = ("_waits", "_work", "waited")

    def __init__(self, work: Coroutine[Any, Any, None], waits: Callable[[], None]) -> None:
        self._work = work
        self._waits = waits
        self.waited = False
        """Whether it had to wait."""

    def __await__(self) -> Generator[Any, None, None]:
        """Run the work to its end."""
        try:
            waited_for = self._work.send(None)
        except StopIteration:
            return
        self.waited = True
        self._waits()
        yield from _go_on(self._work, waited_for)


def _go_on(work: Coroutine[Any, Any, None], waited_for: Any) -> Generator[Any, None, None]:
    """What `yield from` does with a generator that has already yielded (PEP 380)."""
    while True:
        try:
            yield waited_for
        except GeneratorExit:
            work.close()
            raise
        except BaseException as error:  # noqa: BLE001 - it is handed on to the work
            step: Callable[[], Any] = partial(work.throw, error)
        else:
            step = partial(work.send, None)
        try:
            waited_for = step()
        except StopIteration:
            return

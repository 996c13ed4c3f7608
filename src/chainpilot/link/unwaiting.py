"""Work that begins in the task at hand, and may turn out to need no waiting.

Like an eager task of Python 3.12, but the other way round: work that has to wait keeps the task that it began in, with
its context, its cancellation and its time-outs, and whoever else had a claim on that task goes on in a new one.
"""

from collections.abc import Coroutine, Generator
from functools import partial
from typing import Any

__all__ = ["Rest", "begin"]


def begin(work: Coroutine[Any, Any, None]) -> "Rest | None":
    """Work until it has to wait for the first time; what is left is to be awaited in the same task.

    Raises what the work raises.
    """
    try:
        waited_for = work.send(None)
    except StopIteration:
        return None
    return Rest(work, waited_for)


class Rest:
    """What is left of some work, which waits for something."""

    __slots__ = ("_waited_for", "_work")

    def __init__(self, work: Coroutine[Any, Any, None], waited_for: Any) -> None:
        self._work = work
        self._waited_for = waited_for

    def __await__(self) -> Generator[Any, None, None]:
        """Go on to its end: what `yield from` does with a generator that has already yielded (PEP 380)."""
        work, waited_for = self._work, self._waited_for
        while True:
            try:
                yield waited_for
            except GeneratorExit:
                work.close()
                raise
            except BaseException as error:  # noqa: BLE001 - it is handed on to the work
                step = partial(work.throw, error)
            else:
                step = partial(work.send, None)
            try:
                waited_for = step()
            except StopIteration:
                return

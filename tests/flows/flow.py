"""What a flow is: a page's words, the scenario that is played for it, and who plays."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from flows.stage import Cast, Stage

__all__ = ["Flow"]


@dataclass(frozen=True, slots=True)
class Flow:
    """One page."""

    name: str
    """The page's file name, without its ending."""
    title: str
    gist: str
    """One line, for the list of pages."""
    text: str
    """What happens, why, and what is durable when."""
    play: Callable[[Stage, Cast], Awaitable[None]]
    casts: tuple[Cast, ...]
    """One run and one diagram for each."""

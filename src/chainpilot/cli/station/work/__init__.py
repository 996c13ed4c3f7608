"""What the commands do. A module here, and with it the store, loads when a command first asks for it."""

import importlib
from types import ModuleType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from . import agent, changing, examining, showing, telling, waiting, watching

__all__ = ["agent", "changing", "examining", "showing", "telling", "waiting", "watching"]


def __getattr__(name: str) -> ModuleType:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return importlib.import_module(f"{__name__}.{name}")

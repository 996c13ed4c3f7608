"""The exception tree in the docstring of chainpilot.errors is the one of the classes."""

import importlib
import pkgutil

import chainpilot
from chainpilot import errors
from chainpilot.errors import ChainpilotError


def _import_everything() -> None:
    for module in pkgutil.walk_packages(chainpilot.__path__, "chainpilot."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)


def _tree(kind: type[Exception], indent: str = "") -> list[str]:
    lines: list[str] = []
    children = sorted(
        (child for child in kind.__subclasses__() if child.__module__.startswith("chainpilot")), key=_place
    )
    for child in children:
        last = child is children[-1]
        room = "" if child.__module__ == "chainpilot.errors" else f"  ({child.__module__.removeprefix('chainpilot.')})"
        lines.append(f"{indent}{'└── ' if last else '├── '}{child.__name__}{room}")
        lines += _tree(child, indent + ("    " if last else "│   "))
    return lines


def _place(kind: type[Exception]) -> tuple[bool, str, str]:
    families = ["PeerError", "OwnError", "UndecidedError"]
    at_home = kind.__module__ == "chainpilot.errors"
    return not at_home, str(families.index(kind.__name__)) if at_home else kind.__module__, kind.__name__


def test_the_tree_in_the_docstring_is_that_of_the_classes() -> None:
    _import_everything()
    wanted = "\n".join(["ChainpilotError", *_tree(ChainpilotError)])
    assert errors.__doc__ is not None
    assert wanted in errors.__doc__, f"chainpilot/errors.py should say:\n{wanted}"


def test_every_error_of_ours_is_in_a_family() -> None:
    _import_everything()
    families = {errors.PeerError, errors.OwnError, errors.UndecidedError}
    assert set(ChainpilotError.__subclasses__()) == families

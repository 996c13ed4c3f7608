"""A store's settings as an operator writes them: TOML with the names of StoreConfig, `[parity]` and `[hardware]`.

Names and kinds are checked here and nothing is read or opened; what the values mean is checked by `Layout.of`.
"""

import difflib
import re
import typing
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, fields
from enum import Enum
from pathlib import Path
from typing import Any, Final, TypeVar

from chainpilot.pki.keys import KeySpec
from chainpilot.station.layout import CrlPolicy, Parity, ProfilePolicy, StoreConfig, StoreConfigError

__all__ = ["MAX_CONFIG_CHARACTERS", "NAMES", "HardwareSettings", "StoreFile", "check_names", "read_store_file"]

MAX_CONFIG_CHARACTERS: Final = 64 * 1024
"""Of a configuration; every setting of a store with a hundred names takes less than 10 000."""
_MAX_MODE: Final = 0o777
"""So that a decimal 600 in place of 0o600 is told as such."""
_MAX_NUMBER: Final = 1 << 40
"""Bytes or seconds: a terabyte, 34 000 years; larger ones overflow somewhere and mean nothing."""
_MAX_DAYS: Final = 36_500
"""A century: the calendar ends in the year 9999."""

E = TypeVar("E", bound=Enum)
N = TypeVar("N", int, float)
Reader = Callable[[str, object], Any]


@dataclass(frozen=True, slots=True)
class HardwareSettings:
    """The `[hardware]` table: a PKCS#11 token that holds keys."""

    module: Path
    """The vendor's library."""
    token_label: str
    pin_file: Path | None = None
    """Its first line is the user's PIN; None: the token asks for none."""
    label_prefix: str = "chainpilot-"
    """What the labels of keys made here begin with; stores that share a token need different ones."""
    wait_seconds: float = 30.0
    """How long one thread waits for another's business with the token."""


@dataclass(frozen=True, slots=True)
class StoreFile:
    """What the file says, each name known and each value of its kind; not yet a configuration."""

    settings: Mapping[str, Any] = field(default_factory=dict, repr=False)
    """Of StoreConfig; they may hold the keys' password."""
    certs_dir: Path | None = None
    hardware: HardwareSettings | None = None
    agent: Mapping[str, object] | None = None
    """The `[agent]` table as it stands; what is in it is `station.agent.config_file`'s."""

    @property
    def has_secret(self) -> bool:
        """Whether the keys' password stands in it."""
        return bool(self.settings.get("private_key_password"))

    def config(self, certs_dir: Path, **changes: Any) -> StoreConfig:
        """The configuration for that directory; `changes` are fields of StoreConfig and win over the file."""
        return StoreConfig(certs_dir, **{**self.settings, **changes})


def read_store_file(text: str) -> StoreFile:
    """Read the TOML text.

    Raises:
        StoreConfigError: it is too long or no TOML, a name isn't known (the nearest known one is told), or a value is
            of another kind than its setting.
    """
    if len(text) > MAX_CONFIG_CHARACTERS:
        raise StoreConfigError("the configuration", f"{len(text)} characters; at most {MAX_CONFIG_CHARACTERS} are read")
    import tomllib  # noqa: PLC0415 - a station without a file needs no parser of one

    try:
        document = tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        raise StoreConfigError("the configuration", f"not TOML: {error}{_place(text, str(error))}") from error
    check_names(document, NAMES, "")
    settings = {key: _READERS[key](key, value) for key, value in document.items() if key in _READERS}
    return StoreFile(
        settings,
        Path(_text("certs_dir", document["certs_dir"])) if "certs_dir" in document else None,
        _hardware(document["hardware"]) if "hardware" in document else None,
        _table("agent", document["agent"]) if "agent" in document else None,
    )


def check_names(given: Iterable[str], known: Iterable[str], table: str) -> None:
    """Refuse a name that nobody knows, and tell the nearest one; `table` is what stands before it, or nothing.

    Raises:
        StoreConfigError: there is one.
    """
    names = tuple(known)
    for name in given:
        if name not in names:
            nearest = max(names, key=lambda one: difflib.SequenceMatcher(None, name, one).ratio())
            raise StoreConfigError(f"{table}{name}", f"there is no such setting; the nearest is {nearest}")


def _place(text: str, fault: str) -> str:
    """The setting in the line that TOML's parser stumbled over, and what may be wrong; its value may be a secret."""
    lines, found = text.split("\n"), re.search(r"\(at line (\d+)", fault)
    line = lines[int(found[1]) - 1] if found is not None and int(found[1]) <= len(lines) else ""
    name = re.match(r"\s*([\w.\-]{1,60})\s*=", line)
    place = f", where {name[1]} is set" if name is not None else ""
    return f"{place}; a text stands in quotation marks, a list in square brackets, and each name once"


def _hardware(value: object) -> HardwareSettings:
    given = _table("hardware", value)
    check_names(given, (one.name for one in fields(HardwareSettings)), "hardware.")
    read: dict[str, Any] = {key: _HARDWARE[key](f"hardware.{key}", one) for key, one in given.items()}
    missing = next((key for key in ("module", "token_label") if not read.get(key)), None)
    if missing is not None:
        raise StoreConfigError(f"hardware.{missing}", "a token needs it: the library's path, and the token's label")
    if read.get("wait_seconds", 1) <= 0:
        raise StoreConfigError("hardware.wait_seconds", "must be more than zero")
    return HardwareSettings(**read)


def _table(key: str, value: object) -> Mapping[str, object]:
    if not isinstance(value, dict):
        raise StoreConfigError(key, f"is a table: [{key}] on a line of its own, its settings below")
    return value


def _text(key: str, value: object) -> str:
    if not isinstance(value, str):
        raise StoreConfigError(key, "is a text, in quotation marks")
    return value


def _path(key: str, value: object) -> Path:
    return Path(_text(key, value)) if value != "" else _refuse(key, "the path is empty")


def _refuse(key: str, why: str) -> typing.NoReturn:
    raise StoreConfigError(key, why)


def _switch(key: str, value: object) -> bool:
    if not isinstance(value, bool):
        raise StoreConfigError(key, "is true or false, without quotation marks")
    return value


def _whole(key: str, value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        raise StoreConfigError(key, "is a whole number")
    return _bounded(key, value, _MAX_NUMBER)


def _number(key: str, value: object) -> float:
    if not isinstance(value, int | float) or isinstance(value, bool) or value != value:  # noqa: PLR0124 - it is NaN
        raise StoreConfigError(key, "is a number")
    return float(_bounded(key, value, _MAX_NUMBER))


def _days(key: str, value: object) -> int:
    return _bounded(key, _whole(key, value), _MAX_DAYS)


def _bounded(key: str, value: N, most: int) -> N:
    if not -most <= value <= most:
        raise StoreConfigError(key, f"is at most {most}")
    return value


def _mode(key: str, value: object) -> int:
    mode = _whole(key, value)
    if not 0 <= mode <= _MAX_MODE:
        raise StoreConfigError(key, "is a file mode, written as 0o600")
    return mode


def _word_of(kind: type[E]) -> Callable[[str, object], E]:
    def read(key: str, value: object) -> E:
        found = next((one for one in kind if one.value == value), None)
        if found is None:
            raise StoreConfigError(key, f"is one of {', '.join(str(one.value) for one in kind)}")
        return found

    return read


def _parity(key: str, value: object) -> Parity:
    given = _table(key, value)
    check_names(given, (one.name for one in fields(Parity)), "parity.")
    return Parity(**{name: _switch(f"parity.{name}", one) for name, one in given.items()})


def _kinds_of_keys(key: str, value: object) -> Mapping[str, KeySpec]:
    return {name: _word_of(KeySpec)(f"{key}.{name}", one) for name, one in _table(key, value).items()}


_BY_KIND: Final[Mapping[object, Reader]] = {
    str: _text,
    bool: _switch,
    int: _whole,
    int | None: _whole,
    float: _number,
    Parity: _parity,
    ProfilePolicy: _word_of(ProfilePolicy),
    CrlPolicy: _word_of(CrlPolicy),
    KeySpec: _word_of(KeySpec),
    Mapping[str, KeySpec]: _kinds_of_keys,
}
_BY_NAME: Final[Mapping[str, Reader]] = {"key_mode": _mode, "certificate_mode": _mode, "expiring_days": _days}
_ELSEWHERE: Final = ("certs_dir", "hardware_keys")
"""Told in another form: as a path of its own, and by `[hardware]`."""


def _readers() -> Mapping[str, Reader]:
    """Who reads each setting, by its type in StoreConfig."""
    kinds = typing.get_type_hints(StoreConfig)
    named = {one.name: _BY_KIND[kinds[one.name]] for one in fields(StoreConfig) if one.name not in _ELSEWHERE}
    return {**named, **_BY_NAME}


_READERS: Final = _readers()
NAMES: Final = ("certs_dir", "hardware", "agent", *_READERS)
"""What may stand in the file outside of any table, and its tables."""
_HARDWARE: Final[Mapping[str, Reader]] = {
    "module": _path,
    "token_label": _text,
    "pin_file": _path,
    "label_prefix": _text,
    "wait_seconds": _number,
}

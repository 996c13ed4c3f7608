"""Keys in hardware: whether their providers answer, and what they hold that no file names."""

import re
from collections.abc import Iterator
from typing import Final

from chainpilot.station.checkup.problems import ByHand, Problem
from chainpilot.station.checkup.rows import keys as rows
from chainpilot.station.checkup.scene import Scene
from chainpilot.station.checkup.words import counted, listed
from chainpilot.station.providers import KeyFileError, KeyProvider, provider_of
from chainpilot.station.providers.armour import find_armour

__all__ = ["check", "is_of_lost_hardware"]

_URI: Final = re.compile(rb"[a-z0-9]{2,16}:[!-~]{4,}")
"""What names a key in a key file, such as a PKCS#11 URI (RFC 7512)."""


def check(scene: Scene) -> Iterator[Problem]:
    """Every provider but that of files."""
    for provider in scene.layout.config.hardware_keys:
        strays = _strays(scene, provider)
        if isinstance(strays, KeyFileError):
            step = ByHand("Plug the token in, or correct its settings: module, label, PIN.")
            yield rows.TOKEN_UNREACHABLE.found(step, why=strays.why)
        elif strays:
            names = [_name(number, data) for number, data in enumerate(strays, start=1)]
            step = ByHand(f"Delete with the token's own program: {', '.join(names)}.")
            yield rows.TOKEN_STRAY_KEYS.found(step, count=counted(len(strays), "key"), names=listed(names))


def is_of_lost_hardware(scene: Scene, data: bytes) -> bool:
    """Whether a key file names a key in hardware that doesn't answer at all."""
    try:
        provider = provider_of(scene.layout.keys, data)
    except KeyFileError:
        return False
    return not provider.is_self_contained and isinstance(_strays(scene, provider), KeyFileError)


def _strays(scene: Scene, provider: KeyProvider) -> tuple[bytes, ...] | KeyFileError:
    """Asked once: a token may take its time."""
    return scene.look.once(("strays", id(provider)), lambda: _asked(scene, provider))


def _asked(scene: Scene, provider: KeyProvider) -> tuple[bytes, ...] | KeyFileError:
    paths = (path for directory in scene.key_directories for path in scene.ring(directory).paths())
    files = [data for data in map(scene.read, paths) if data is not None and provider.recognises(data)]
    try:
        return provider.strays(files)
    except KeyFileError as error:
        return error


def _name(number: int, data: bytes) -> str:
    try:
        armour = find_armour(data)
        found = _URI.search(armour.der()) if armour is not None else None
    except KeyFileError:
        found = None
    return found[0].decode("ascii") if found else f"number {number}"

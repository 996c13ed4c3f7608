"""The links by OpenSSL's hashes in a directory bundle: whether OpenSSL finds by them what the store finds.

How other programs number them doesn't matter, as long as no number is left out.
"""

import re
import shlex
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from chainpilot.station.checkup.problems import Problem, Shell
from chainpilot.station.checkup.remedies import locked
from chainpilot.station.checkup.rows import authorities as rows
from chainpilot.station.checkup.scene import Scene
from chainpilot.station.checkup.words import listed
from chainpilot.station.store import Bundle, hash_name
from chainpilot.station.store.hashlinks import wanted_links

__all__ = ["check_links", "is_hash_link"]

_HASH_LINK: Final = re.compile(r"[0-9a-f]{8}\.[0-9]{1,6}")


def is_hash_link(path: Path) -> bool:
    """Whether the name is one that OpenSSL looks CAs up by."""
    return _HASH_LINK.fullmatch(path.name) is not None


def check_links(scene: Scene, bundle: Bundle) -> Iterator[Problem]:
    """Whether a directory's links are right, where it has any."""
    found = {path.name: scene.premises.target(path) for path in scene.names(bundle.path) if is_hash_link(path)}
    links = {name: target for name, target in found.items() if target is not None}
    if not links:
        return
    wrong = _wrong(bundle, links)
    if wrong:
        wanted = wanted_links(bundle.files, (name for name, target in found.items() if target is None))
        yield rows.HASH_LINKS_WRONG.found(
            _made_anew(scene, bundle.path, links, wanted), path=bundle.path, count=len(wrong), names=listed(wrong)
        )


def _wrong(bundle: Bundle, links: Mapping[str, str]) -> list[str]:
    """Links that lead to no CA of their hash, and CAs that no unbroken row of links leads to."""
    held = {file.path.name: {hash_name(one) for one in file.certificates if one.is_ca} for file in bundle.files}
    wrong = [f"{name} leads to {target}" for name, target in links.items() if name[:8] not in held.get(target, ())]
    unreached = (
        f"none of {stem} leads to {name}"
        for name, stems in held.items()
        for stem in sorted(stems)
        if not _is_reached(stem, name, links)
    )
    return [*wrong, *unreached]


def _is_reached(stem: str, target: str, links: Mapping[str, str]) -> bool:
    """OpenSSL counts from 0 and stops at the first number that isn't there."""
    number = 0
    while f"{stem}.{number}" in links:
        if links[f"{stem}.{number}"] == target:
            return True
        number += 1
    return False


def _made_anew(scene: Scene, directory: Path, links: Mapping[str, str], wanted: Mapping[str, str]) -> Shell:
    surplus = [name for name in links if name not in wanted]
    acts = [("cd", str(directory)), *([("rm", *surplus)] if surplus else [])]
    acts += [("ln", "-sfn", target, name) for name, target in wanted.items() if links.get(name) != target]
    return locked(scene, "sh", "-c", " && ".join(shlex.join(act) for act in acts))

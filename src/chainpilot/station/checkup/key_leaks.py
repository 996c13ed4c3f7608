"""Private keys where certificates are kept: in files that everybody may read."""

import shlex
from collections.abc import Iterator
from pathlib import Path

from chainpilot.station.checkup.blocks import DROP_KEYS, PRINT_KEYS, holds_private_key
from chainpilot.station.checkup.problems import Problem, Shell, Step
from chainpilot.station.checkup.remedies import aside_path, edit, make_aside, set_aside
from chainpilot.station.checkup.rows import keys as rows
from chainpilot.station.checkup.scene import Scene
from chainpilot.station.layout import KEY_SUFFIXES, LEAF_TYPES
from chainpilot.station.store.certificates import certificate_files
from chainpilot.station.vault import VaultReadError

__all__ = ["check"]


def check(scene: Scene) -> Iterator[Problem]:
    """The bundles and their directories, then the directories of leaves."""
    for bundle in scene.bundles:
        for file in bundle.files:
            if _holds_key(scene, file.path):
                copy = aside_path(scene, file.path)
                yield _told(file.path, make_aside(scene), _copied(file.path, copy), edit(scene, file.path, DROP_KEYS))
        directory = bundle.path if bundle.is_directory else bundle.path.parent
        if directory not in scene.key_directories:
            keys = (path for path in scene.names(directory) if path.suffix.lower() in KEY_SUFFIXES)
            yield from (_told(path, *set_aside(scene, path)) for path in keys)
    for directory in scene.leaf_directories:
        for path in _certificate_files(scene, directory):
            if _holds_key(scene, path):
                yield _told(path, *_split(scene, path), edit(scene, path, DROP_KEYS))


def _told(path: Path, *steps: Step) -> Problem:
    return rows.KEY_AMONG_CERTIFICATES.found(*steps, path=path)


def _holds_key(scene: Scene, path: Path) -> bool:
    return holds_private_key(scene.read(path) or b"")


def _certificate_files(scene: Scene, directory: Path) -> tuple[Path, ...]:
    try:
        return certificate_files(scene.look, directory)
    except VaultReadError:
        return ()


def _split(scene: Scene, path: Path) -> tuple[Step, ...]:
    """The key goes into a file of its own where keys are looked for; beside one that is there already, aside."""
    places = (scene.layout.leaves[kind] for kind in LEAF_TYPES)
    keys = next(place.keys for place in places if place.certificates == path.parent)
    target = keys / f"{path.stem}.key"
    if scene.is_there(target) or not scene.is_directory(keys):
        return make_aside(scene), _copied(path, aside_path(scene, path))
    return (_copied(path, target),)


def _copied(path: Path, target: Path) -> Shell:
    """A line that writes the keys of a file into a private one."""
    return Shell(f"(umask 077; {shlex.join(('sed', '-n', PRINT_KEYS, str(path)))} > {shlex.quote(str(target))})")

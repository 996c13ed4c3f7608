"""Files and directories as such: whether they can be read, whether they are what is expected, who may change them.

What certificates and keys in them mean is told by the modules of their names.
"""

from collections.abc import Iterable, Iterator
from pathlib import Path

from chainpilot.station.checkup.blocks import DROP_CUT_OFF, Block, blocks_of, drop_script
from chainpilot.station.checkup.hash_links import is_hash_link
from chainpilot.station.checkup.premises import EntryKind
from chainpilot.station.checkup.problems import ByHand, Problem, Shell, Step
from chainpilot.station.checkup.refusals import denied
from chainpilot.station.checkup.remedies import edit, own_copy, raise_limit, remove, set_aside
from chainpilot.station.checkup.rows import files as rows
from chainpilot.station.checkup.scene import Scene
from chainpilot.station.checkup.words import counted
from chainpilot.station.layout import CERTIFICATE_SUFFIXES, KEY_SUFFIXES
from chainpilot.station.store.certificates import CertificateFile, certificates_in, has_armour, read_directory
from chainpilot.station.store.crls import CRL_SUFFIXES

__all__ = ["check", "check_places"]


def check_places(scene: Scene) -> Iterator[Problem]:
    """The directories that the store has or would make."""
    for place in _places(scene):
        entry = scene.premises.entry(place)
        if entry is None:
            continue
        if entry.kind is not EntryKind.DIRECTORY:
            step = Shell.of("mv", place, f"{place}.aside")
            yield rows.NOT_A_DIRECTORY.found(step, path=place, kind=entry.kind.value)
        elif not scene.premises.may_read(place):
            yield denied(scene.premises, place)
        elif entry.mode & 0o002:
            yield rows.WRITABLE_BY_OTHERS.found(Shell.of("chmod", "o-w", place), path=place, mode=f"{entry.mode:04o}")


def check(scene: Scene) -> Iterator[Problem]:
    """Every file that the store reads, and those beside it that it doesn't."""
    for path in _files(scene):
        yield from _file(scene, path)
    bundled = (file for bundle in scene.bundles for file in bundle.read_from)
    stacked = [file for directory in scene.leaf_directories for file in read_directory(scene.look, directory)]
    for file in dict.fromkeys((*bundled, *stacked)):
        if file.findings and _is_readable(scene, file.path):
            yield _broken(scene, file)
    for file in dict.fromkeys(stacked):
        if not file.certificates and not file.findings and _is_readable(scene, file.path):
            why = "is empty: it holds no certificate"
            yield rows.CERTIFICATE_UNREADABLE.found(*set_aside(scene, file.path), path=file.path, why=why)
    for directory in _certificate_directories(scene):
        for path in scene.names(directory):
            if path.suffix.lower() not in (*CERTIFICATE_SUFFIXES, *KEY_SUFFIXES) and _is_certificate(scene, path):
                step = Shell.of("mv", "-n", path, path.with_name(f"{path.name}.pem"))
                yield rows.UNKNOWN_SUFFIX.found(step, path=path)


def _places(scene: Scene) -> tuple[Path, ...]:
    """Every directory of the layout and those above them in the store, each once."""
    layout = scene.layout
    bundles = [path if scene.is_directory(path) else path.parent for path in layout.bundles.values()]
    named = [path for path in layout.bundles.values() if layout.is_directory_name(path)]
    crls = [layout.crls] if layout.crls is not None else []
    own = (layout.state, layout.pending)
    places = (*layout.leaf_directories, *bundles, *named, *layout.ocsp_directories, *crls, *own)
    files = layout.bundles.values()
    above = (path for one in places for path in reversed(one.parents) if layout.root in path.parents)
    above = (path for path in above if path not in files)
    return tuple(dict.fromkeys((layout.root, *above, *places)))


def _certificate_directories(scene: Scene) -> tuple[Path, ...]:
    bundles = (bundle.path for bundle in scene.bundles if bundle.is_directory)
    return tuple(dict.fromkeys((*scene.layout.leaf_directories, *bundles)))


def _files(scene: Scene) -> tuple[Path, ...]:
    """Everything by a name that the store reads, whatever stands there."""
    layout = scene.layout
    suffixes: dict[Path, tuple[str, ...]] = {}
    suffixes |= dict.fromkeys(_certificate_directories(scene), (*CERTIFICATE_SUFFIXES, *KEY_SUFFIXES))
    suffixes |= dict.fromkeys(layout.ocsp_directories, (".der", ".hash"))
    suffixes |= {layout.pending: (".json",)}
    if layout.crls is not None:
        suffixes |= {layout.crls: CRL_SUFFIXES}
    listed = (
        directory / name
        for directory, wanted in suffixes.items()
        for name in scene.premises.names(directory) or ()
        if not name.startswith(".") and Path(name).suffix.lower() in wanted
    )
    single = (path for path in layout.bundles.values() if not scene.is_directory(path))
    return tuple(dict.fromkeys((*single, layout.csms_succession, *listed)))


def _file(scene: Scene, path: Path) -> Iterator[Problem]:
    link, entry = scene.premises.target(path), scene.premises.entry(path)
    if link is not None:
        yield from _link(scene, path, link, is_broken=entry is None)
    if entry is None:
        return
    limit = scene.layout.config.max_file_bytes
    if entry.kind is not EntryKind.FILE:
        if entry.kind is not EntryKind.DIRECTORY:
            yield rows.NOT_A_FILE.found(*set_aside(scene, path), path=path, kind=entry.kind.value)
    elif not scene.premises.may_read(path):
        yield denied(scene.premises, path)
    elif entry.size > limit:
        step = raise_limit("max_file_bytes", entry.size)
        yield rows.FILE_TOO_LONG.found(step, path=path, size=entry.size, limit=limit)
    elif entry.mode & 0o002 and path.suffix.lower() not in KEY_SUFFIXES:
        yield rows.WRITABLE_BY_OTHERS.found(Shell.of("chmod", "o-w", path), path=path, mode=f"{entry.mode:04o}")


def _link(scene: Scene, path: Path, target: str, *, is_broken: bool) -> Iterator[Problem]:
    """Links by hash are told with their directory."""
    if is_hash_link(path):
        return
    if is_broken:
        yield rows.LINK_LEADS_NOWHERE.found(remove(path), path=path, target=target)
    elif not scene.premises.real(path).is_relative_to(scene.premises.real(scene.layout.root)):
        yield rows.LINK_LEADS_OUT.found(own_copy(scene, path), path=path, target=target, root=scene.layout.root)


def _is_readable(scene: Scene, path: Path) -> bool:
    """Whether what is wrong with a file stands in it: else it is told with the file."""
    entry = scene.premises.entry(path)
    is_file = entry is not None and entry.kind is EntryKind.FILE
    return (
        is_file
        and entry is not None
        and entry.size <= scene.layout.config.max_file_bytes
        and scene.premises.may_read(path)
    )


def _broken(scene: Scene, file: CertificateFile) -> Problem:
    """A file of which nothing counts, or some of whose blocks don't."""
    blocks = blocks_of(file.path, scene.read(file.path) or b"")
    bad = [one for one in blocks if one.objection is not None]
    why = file.findings[0].why
    if not file.certificates or not bad:
        return rows.CERTIFICATE_UNREADABLE.found(*set_aside(scene, file.path), path=file.path, why=why)
    numbers = ", ".join(str(one.number) for one in bad)
    return rows.CERTIFICATE_BROKEN.found(
        *_without(scene, file.path, bad, blocks),
        path=file.path,
        blocks=f"the {counted(len(bad), 'block')} number {numbers}",
        why=bad[0].objection,
    )


def _without(scene: Scene, path: Path, bad: Iterable[Block], blocks: tuple[Block, ...]) -> Iterator[Step]:
    """Blocks that break off go first: up to their end, another one's is taken for theirs."""
    found = list(bad)
    if any(one.is_cut_off for one in found):
        yield edit(scene, path, DROP_CUT_OFF)
    for one in found:
        if not one.is_cut_off:
            script = drop_script(one, blocks)
            by_hand = ByHand(f"Take the block number {one.number} out of {path} with an editor.")
            yield edit(scene, path, script) if script else by_hand


def _is_certificate(scene: Scene, path: Path) -> bool:
    """Whether a file of another suffix holds a certificate; names by OpenSSL's hashes are in order."""
    if is_hash_link(path) or not _is_readable(scene, path):
        return False
    data = scene.read(path) or b""
    return (has_armour(data) or data.startswith(b"\x30")) and bool(certificates_in(path, data).certificates)

"""The names by which OpenSSL finds a CA in a directory: `<8 hex of the subject's hash>.N`, links to the files.

Other programs make them with `openssl rehash`; a directory that has them keeps them right through our changes.
"""

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from chainpilot.pki.certificate import Certificate
from chainpilot.station.store.certificates import CertificateFile
from chainpilot.station.vault import Change, Look, VaultReadError

__all__ = ["changed_links", "has_hash_links", "hash_name", "stage_hash_links", "wanted_links"]

_HASH_LINK: Final = re.compile(r"[0-9a-f]{8}\.[0-9]{1,6}").fullmatch


def hash_name(certificate: Certificate) -> str:
    """The hash of its subject as OpenSSL's directories name it: eight hexadecimal digits."""
    return f"{certificate.openssl.subject_name_hash():08x}"


def wanted_links(files: Iterable[CertificateFile], taken: Iterable[str] = ()) -> dict[str, str]:
    """Link names with the file names they lead to, numbered without a gap but for names that are `taken`."""
    links: dict[str, str] = {}
    used = set(taken)
    for file in files:
        for certificate in file.certificates:
            if certificate.is_ca:
                number, stem = 0, hash_name(certificate)
                while f"{stem}.{number}" in used:
                    number += 1
                used.add(f"{stem}.{number}")
                links[f"{stem}.{number}"] = file.path.name
    return links


def has_hash_links(look: Look, directory: Path) -> bool:
    """Whether a directory has such links."""
    return any(target is not None for target in _found(look, directory).values())


def stage_hash_links(change: Change, directory: Path, files: Iterable[CertificateFile]) -> None:
    """Stage that a directory's links lead to exactly these files' CAs."""
    links, surplus = changed_links(change, directory, files)
    for path, target in links.items():
        change.put_link(path, target)
    for path in surplus:
        change.remove(path)


def changed_links(
    look: Look, directory: Path, files: Iterable[CertificateFile]
) -> tuple[dict[Path, str], tuple[Path, ...]]:
    """What it takes for a directory's links to lead to exactly these files' CAs: links to make, links to remove.

    A file that bears such a name and is no link is somebody's own copy and stays.
    """
    found = _found(look, directory)
    wanted = wanted_links(files, [name for name, target in found.items() if target is None])
    links = {directory / name: target for name, target in wanted.items() if found.get(name) != target}
    surplus = (name for name, target in found.items() if target is not None and name not in wanted)
    return links, tuple(directory / name for name in surplus)


def _found(look: Look, directory: Path) -> dict[str, str | None]:
    """Everything of that form of name: where a link leads, None for a file."""
    try:
        links = look.names_where(directory, _HASH_LINK)
    except VaultReadError:
        return {}
    return {path.name: look.link_target(path) for path in links}

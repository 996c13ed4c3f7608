"""Steps that several problems share: lines and commands that a person can follow as they stand.

Nothing is done here. What is put aside goes to a private directory in the store's own state, never away: a person may
find out later what it was. Lines that edit a file in place hold the store's lock, so that no process loses what it has
just installed there.
"""

import hashlib
import shlex
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from chainpilot.pki.certificate import Certificate
from chainpilot.pki.der import DerError, read_all
from chainpilot.pki.hashdata import hash_data
from chainpilot.pki.identity import DistinguishedName
from chainpilot.station.checkup.blocks import Block, blocks_of, drop_script, print_script
from chainpilot.station.checkup.problems import ByHand, Command, Need, Setting, Shell, Step
from chainpilot.station.checkup.scene import Scene
from chainpilot.station.model import CaCertificateType, LeafCertificateType
from chainpilot.station.store import Bundle, StoredLeaf, links_of
from chainpilot.station.store.certificates import CertificateFile
from chainpilot.station.vault import Modes

__all__ = [
    "SET_CLOCK",
    "aside_path",
    "delete_ca",
    "edit",
    "encrypt_anew",
    "enrol",
    "hash_words",
    "install_chain",
    "install_root",
    "locked",
    "make_aside",
    "move_ca",
    "own_copy",
    "private_mode",
    "raise_limit",
    "remove",
    "set_aside",
    "take_out",
    "take_out_leaf",
    "to_pem",
    "update_leaf",
    "wait_until",
    "without_copy",
]

SET_CLOCK: Final = ByHand(
    "Set the clock: timedatectl set-ntp true lets the network set it, date -u -s 'YYYY-MM-DD hh:mm:ss' sets it by hand."
)


def locked(scene: Scene, *words: str | Path) -> Shell:
    """A command that holds the store's lock while it runs, as long as there is a lock."""
    lock = scene.layout.state / "lock"
    held = ("flock", lock) if scene.is_there(lock) else ()
    return Shell.of(*held, *words)


def edit(scene: Scene, path: Path, script: str) -> Shell:
    """A line that edits a file in place."""
    return locked(scene, "sed", "-i", script, path)


def remove(*paths: Path) -> Shell:
    """A line that removes files."""
    return Shell.of("rm", *paths)


def private_mode(scene: Scene) -> int:
    """The mode that directories of ours have."""
    config = scene.layout.config
    return Modes(key=config.key_mode, certificate=config.certificate_mode, group=config.group).private_directory


def make_aside(scene: Scene) -> Shell:
    """A line that makes the directory for what is put aside; one that is there stays as it is."""
    return Shell.of("mkdir", "-p", "-m", f"{private_mode(scene):o}", scene.layout.state, scene.aside)


def aside_path(scene: Scene, path: Path) -> Path:
    """A name for that file among what is put aside, which is no other file's and not there yet."""
    root = scene.layout.root
    words = path.relative_to(root).parts if path.is_relative_to(root) else path.parts[1:]
    name = "--".join(words)
    taken = scene.premises.names(scene.aside) or ()
    number = sum(one == name or one.startswith(f"{name}.") for one in taken)
    return scene.aside / (f"{name}.{number}" if number else name)


def set_aside(scene: Scene, *paths: Path) -> tuple[Step, ...]:
    """Files go where nobody reads them."""
    moves = (Shell.of("mv", path, aside_path(scene, path)) for path in paths)
    return make_aside(scene), *moves


def take_out(scene: Scene, file: CertificateFile, certificate: Certificate) -> tuple[Step, ...]:
    """One certificate goes from a file, and the file with it when it holds nothing else."""
    data = scene.read(file.path) or b""
    if file.count == 1:
        return set_aside(scene, file.path)
    if not file.is_pem:
        return (_drop_der(scene, file, data, certificate),)
    blocks = blocks_of(file.path, data)
    script = next((drop_script(one, blocks) for one in blocks if one.certificates == (certificate,)), None)
    return (edit(scene, file.path, script) if script else _by_editor(file.path, blocks, certificate),)


def without_copy(scene: Scene, file: CertificateFile, certificate: Certificate) -> tuple[Step, ...]:
    """Every copy of a certificate but the first goes from a file."""
    data = scene.read(file.path) or b""
    if not file.is_pem:
        return (_drop_der(scene, file, data, certificate),)
    blocks = blocks_of(file.path, data)
    first = next(one for one in blocks if certificate in one.certificates)
    before = b"".join(one.text for one in blocks[: first.number])
    line = data.count(b"\n", 0, data.index(blocks[0].text) + len(before))
    script = drop_script(first, blocks, after_line=line)
    return (edit(scene, file.path, script) if script else _by_editor(file.path, blocks, certificate),)


def to_pem(scene: Scene, file: CertificateFile) -> Shell:
    """A line that writes a file of DER certificates as PEM."""
    name, begin, parts = shlex.quote(file.path.name), 1, []
    for one in file.certificates:
        parts.append(f"tail -c +{begin} {name} | head -c {len(one.der)} | openssl x509 -inform der")
        begin += len(one.der)
    return locked(scene, "sh", "-c", _rewritten(file.path, f"{{ {'; '.join(parts)}; }}"))


def own_copy(scene: Scene, path: Path) -> Shell:
    """A line that puts a copy of what a link leads to in the link's place."""
    return locked(scene, "sh", "-c", _replaced(path))


def move_ca(scene: Scene, file: CertificateFile, certificate: Certificate, domain: CaCertificateType) -> list[Step]:
    """A CA goes from a file into the bundle of another domain."""
    copy = aside_path(scene, file.path)
    steps = list(take_out(scene, file, certificate))
    if file.count > 1:
        copy = copy.with_name(f"{copy.name}-{certificate.fingerprint[:16]}")
        steps = [make_aside(scene), _copy_out(scene, file, certificate, copy), *steps]
    return [*steps, Command(("install-ca-certificate", str(copy), domain.value))]


def install_root(domain: CaCertificateType, what: str) -> Command:
    """A root goes in that the person brings."""
    return Command(("install-ca-certificate", "ROOT.pem", domain.value), (Need("ROOT.pem", what),))


def delete_ca(bundle: Bundle, certificate: Certificate, issuer: Certificate) -> Command:
    """A CA goes by its hash data, and all below it."""
    below = () if not bundle.descendants(certificate) else ("--yes",)
    return Command(("delete-certificate", *hash_words(certificate, issuer), *below))


def take_out_leaf(scene: Scene, stored: StoredLeaf) -> tuple[Step, ...]:
    """A leaf goes with its files: an SECC leaf by its hash data, another as no command deletes it."""
    way = links_of(scene.look, scene.layout, stored).way
    if stored.slot.kind is LeafCertificateType.V2G and way:
        return (Command(("delete-certificate", *hash_words(*way[0]))),)
    key = scene.leaves(stored.slot.kind).key_of(stored)
    shared = [one.leaf for one in scene.stored if one.leaf.spki_hash == stored.leaf.spki_hash]
    goes_too = (key,) if key is not None and set(shared) == {stored.leaf} else ()
    return set_aside(scene, *stored.paths, *goes_too)


def enrol(kind: LeafCertificateType, subject: DistinguishedName) -> tuple[Step, ...]:
    """The way to a new leaf with the same names."""
    given = {
        "COUNTRY": ("--country", subject.country, "the operator's country, two capital letters"),
        "ORGANIZATION": ("--organization", subject.organization, "the operator, as registered with the CA"),
        "NAME": ("--common", subject.common_name, "EVSEID or SECCID, or the station's id at its CSMS"),
    }
    words = [word for name, (option, value, _) in given.items() for word in (option, value or name)]
    needs = tuple(Need(name, what) for name, (_, value, what) in given.items() if not value)
    request = Command(("generate-certificate-signing-request", kind.value, *words), needs)
    issued = Need("CHAIN.pem", "what is issued for that request: the leaf, then its sub-CAs")
    return request, Command(("update-leaf-certificate", "CHAIN.pem", kind.value), (issued,))


def encrypt_anew(path: Path) -> Shell:
    """A line that gives a key file another password, its owner and mode kept."""
    new = path.with_name(f".{path.name}.new")
    openssl = ("openssl", "pkcs8", "-topk8", "-v2", "aes-256-cbc", "-in", path, "-passin", "file:OLD.txt")
    acts = (("cp", "-p", path, new), (*openssl, "-passout", "file:NEW.txt", "-out", new), ("mv", new, path))
    needs = (
        Need("OLD.txt", "a private file whose first line is the password that the key was encrypted with"),
        Need("NEW.txt", "a private file whose first line is the configured password"),
    )
    return Shell(" && ".join(shlex.join(map(str, act)) for act in acts), needs)


def install_chain(kind: LeafCertificateType, what: str) -> Command:
    """A chain goes in that the person brings."""
    return Command(("update-leaf-certificate", "CHAIN.pem", kind.value), (Need("CHAIN.pem", what),))


def update_leaf(kind: LeafCertificateType, path: Path) -> Command:
    """A leaf goes in once more from its own file, so that its chain is written whole."""
    return Command(("update-leaf-certificate", str(path), kind.value))


def wait_until(moment: str) -> ByHand:
    """Time does it."""
    return ByHand(f"Wait until {moment}.")


def raise_limit(key: str, at_least: int) -> Setting:
    """A limit that lets in what is there, and as much again."""
    return Setting(key, str(2 * at_least))


def hash_words(certificate: Certificate, issuer: Certificate) -> tuple[str, ...]:
    """How a command names an installed certificate."""
    named = hash_data(certificate, issuer)
    return (
        *("--hash-algorithm", named.hash_algorithm.value),
        *("--issuer-name-hash", named.issuer_name_hash),
        *("--issuer-key-hash", named.issuer_key_hash),
        *("--serial-number", named.serial_number),
    )


def _by_editor(path: Path, blocks: Iterable[Block], certificate: Certificate) -> ByHand:
    number = next((one.number for one in blocks if certificate in one.certificates), 1)
    return ByHand(f"Take the block number {number} out of {path} with an editor.")


def _copy_out(scene: Scene, file: CertificateFile, certificate: Certificate, target: Path) -> Step:
    data = scene.read(file.path) or b""
    blocks = blocks_of(file.path, data)
    script = next((print_script(one, blocks) for one in blocks if one.certificates == (certificate,)), None)
    if script is not None:
        return Shell(f"{shlex.join(('sed', '-n', script, str(file.path)))} > {shlex.quote(str(target))}")
    lines = certificate.to_pem().splitlines()
    printed = shlex.join(("printf", "%s\\n", *lines))
    return Shell(f"{printed} > {shlex.quote(str(target))}")


def _drop_der(scene: Scene, file: CertificateFile, data: bytes, certificate: Certificate) -> Shell:
    """DER values in a row, told apart by where they stand; when the file has changed meanwhile, nothing is done."""
    name = shlex.quote(file.path.name)
    begin, end = _place_of(data, certificate)
    same = f"echo '{hashlib.sha256(data).hexdigest()}  '{name} | sha256sum -c --status"
    rest = f"{{ head -c {begin} {name}; tail -c +{end + 1} {name}; }}"
    return locked(scene, "sh", "-c", _rewritten(file.path, rest, only_if=same))


def _rewritten(path: Path, content: str, *, only_if: str = "true") -> str:
    """A line that puts what a command prints in the place of a file, owner and mode kept, at once."""
    return _replaced(path, f"{content} > {_new(path)}", only_if=only_if)


def _replaced(path: Path, change: str = "true", *, only_if: str = "true") -> str:
    """A line that puts a copy in the place of a file, changed by a command before it is the file.

    Plain `cp` and `mv`, as BusyBox has them: the file is whole at every moment, and a link is replaced, not followed.
    """
    directory, name, new = shlex.quote(str(path.parent)), shlex.quote(path.name), _new(path)
    return f"cd {directory} && {only_if} && cp -p {name} {new} && {change} && mv {new} {name}"


def _new(path: Path) -> str:
    return shlex.quote(f".{path.name}.new")


def _place_of(data: bytes, certificate: Certificate) -> tuple[int, int]:
    begin = 0
    try:
        for element in read_all(data):
            end = begin + len(element.encoding)
            if element.encoding == certificate.der:
                return begin, end
            begin = end
    except DerError:
        pass
    return 0, 0

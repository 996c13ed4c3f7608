"""A local CA's files: its certificates, its key or the PIN that opens it, and the revocation list that others fetch.

A key or PIN that anybody but its owner can read is refused: whoever has the key can be any station.
"""

import fcntl
import itertools
import os
import stat
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, rsa
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from chainpilot.cpms.adapters.ca_keys import FileKey, TokenKey
from chainpilot.cpms.config import KeyOnToken
from chainpilot.cpms.issuing import Founding, found_ca
from chainpilot.cpms.ports import KeyUnavailable, SigningKey
from chainpilot.errors import OwnError
from chainpilot.pkcs11.settings import MAX_PIN_BYTES
from chainpilot.pki.certificate import Certificate, CertificateError, load_certificates
from chainpilot.pki.crl import MAX_CRL_BYTES, Crl, CrlError, load_crl
from chainpilot.pki.encoding import EncodingError
from chainpilot.pki.extensions import KeyUsageBit
from chainpilot.pki.keys import (
    KeySpec,
    generate_private_key,
    key_spec_of,
    key_weakness,
    spki_hash,
)

__all__ = ["CaMaterial", "CaSetupError", "read_ca", "write_founded", "write_list", "write_new"]

_MAX_KEY: Final = 64 * 1024
_MAX_STACK: Final = 256 * 1024
_MEANWHILE: Final = timedelta(minutes=1)
"""Between two processes' looks at the clock for lists that they write at the same time."""
_READABLE: Final = stat.S_IRWXG | stat.S_IRWXO


class CaSetupError(OwnError):
    """A local CA's files can't be used. Fields: `ca` its name, `why` a sentence without any secret."""

    def __init__(self, ca: str, why: str) -> None:
        self.ca = ca
        self.why = why
        super().__init__(f"[ca.{ca}]: {why}")


@dataclass(frozen=True, slots=True)
class CaMaterial:
    """A CA that can sign: its certificate first, the root last."""

    chain: tuple[Certificate, ...]
    key: SigningKey


def read_ca(
    name: str, certificate: Path, key: Path | KeyOnToken, *, signs_lists: bool, allow_test_pki: bool = False
) -> CaMaterial:
    """Read a CA's files, and find its key.

    1. the key's file, or its token's PIN file, is its owner's alone; the key is of a kind that we make
    2. the stack reads; its first certificate is a CA's with that key, which may sign certificates, and lists if asked
    3. each certificate is signed by the next, up to a root
    4. it is no test PKI's, unless those are allowed

    Raises CaSetupError.
    """
    signer = _read_key(name, key) if isinstance(key, Path) else _find_key(name, key)
    with ExitStack() as stack:
        stack.callback(signer.close)
        weakness = key_weakness(signer.public_key)
        if weakness is not None or key_spec_of(signer.public_key) is None:  # 1
            raise CaSetupError(name, f"{key} holds {weakness or 'a key of a kind that is not used here'}")
        try:
            chain = tuple(load_certificates(_read(name, certificate, _MAX_STACK)))
        except (EncodingError, CertificateError) as error:
            raise CaSetupError(name, f"{certificate} holds no readable certificates: {error.why}") from error
        if spki_hash(signer.public_key) != chain[0].spki_hash:  # 2
            raise CaSetupError(name, f"the key in {key} is not that of the first certificate in {certificate}")
        _check(name, certificate, chain, signs_lists=signs_lists, allow_test_pki=allow_test_pki)
        stack.pop_all()
    return CaMaterial(chain, signer)


def _check(
    name: str, certificate: Path, chain: tuple[Certificate, ...], *, signs_lists: bool, allow_test_pki: bool
) -> None:
    issuing = chain[0]
    usage = issuing.extensions.key_usage
    if not issuing.is_ca or (usage is not None and KeyUsageBit.KEY_CERT_SIGN not in usage):  # 2
        raise CaSetupError(name, f"{issuing.subject} may not issue certificates")
    if signs_lists and usage is not None and KeyUsageBit.CRL_SIGN not in usage:
        raise CaSetupError(name, f"{issuing.subject} may not sign revocation lists; take crl_file away")
    for below, above in itertools.pairwise(chain):  # 3
        if not below.was_signed_by(above):
            raise CaSetupError(name, f"{certificate}: {below.subject} is not signed by {above.subject} behind it")
    if not chain[-1].is_self_signed:
        raise CaSetupError(name, f"{certificate} ends with {chain[-1].subject}, which is no root")
    if not allow_test_pki and any(one.is_test for one in chain):  # 4
        raise CaSetupError(name, f"{issuing.subject} belongs to a test PKI, whose keys anybody may hold")


def write_list(path: Path, der: bytes) -> None:
    """Put a list in the place of the former one at once, on disk and for everybody to read. Raises OSError.

    A later one of the same CA stays: a command may have revoked and written while the back office was about to.
    """
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(folder, fcntl.LOCK_EX)  # for the moment of a write; a process that ends lets go of it
        if _is_overtaken(path, der):
            return
        fresh = path.with_name(f".{path.name}.new")
        fresh.unlink(missing_ok=True)
        _write(fresh, der, 0o644)
        fresh.replace(path)
        os.fsync(folder)
    finally:
        os.close(folder)


def _is_overtaken(path: Path, der: bytes) -> bool:
    """By a list of greater number that isn't older: the records may be restored ones, which count from less."""
    try:
        there, own = load_crl(_read("", path, MAX_CRL_BYTES)), load_crl(der)
    except (CaSetupError, CrlError):
        return False  # nothing is there, or nothing that could be kept
    is_greater = there.number is not None and own.number is not None and there.number > own.number
    return is_greater and _signer_of(there) == _signer_of(own) and there.this_update > own.this_update - _MEANWHILE


def _signer_of(crl: Crl) -> bytes | None:
    try:
        return crl.openssl.extensions.get_extension_for_class(x509.AuthorityKeyIdentifier).value.key_identifier
    except x509.ExtensionNotFound:
        return None


def write_new(path: Path, content: bytes, *, mode: int) -> None:
    """Write a file that must not be there yet. Raises OSError."""
    _write(path, content, mode)
    _sync_folder(path.parent)


def _write(path: Path, content: bytes, mode: int) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, mode)
    with os.fdopen(descriptor, "wb") as file:
        os.fchmod(file.fileno(), mode)
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _read_key(name: str, path: Path) -> FileKey:
    text = _read(name, path, _MAX_KEY, is_secret=True)
    try:
        key = load_pem_private_key(text, None)
    except TypeError as error:
        raise CaSetupError(name, f"the key in {path} is encrypted; it must be readable without a password") from error
    except Exception as error:  # x509.md duty 7: whatever a parser raises is a verdict on the bytes
        raise CaSetupError(name, f"{path} holds no readable private key") from error
    if not isinstance(
        key, ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey | ed448.Ed448PrivateKey
    ):
        raise CaSetupError(name, f"{path} holds a key of a kind that signs no certificates")
    return FileKey(key)


def _find_key(name: str, place: KeyOnToken) -> TokenKey:
    pin = place.settings.pin
    if isinstance(pin, Path):
        _read(name, pin, MAX_PIN_BYTES, is_secret=True)
    try:
        return TokenKey(place)
    except KeyUnavailable as error:
        raise CaSetupError(name, error.why) from error


def _read(name: str, path: Path, most: int, *, is_secret: bool = False) -> bytes:
    try:
        with path.open("rb") as file:
            about = os.fstat(file.fileno())
            if is_secret and about.st_mode & _READABLE:
                mode = stat.S_IMODE(about.st_mode)
                why = f"{path} has mode {mode:04o}: others than its owner can read it; chmod 600, or better replace it"
                raise CaSetupError(name, why)
            content = file.read(most + 1)
    except OSError as error:
        raise CaSetupError(name, f"{path} can't be read: {error.strerror or error}") from error
    if len(content) > most:
        raise CaSetupError(name, f"{path} has more than {most} bytes")
    return content


def write_founded(folder: Path, asked: Founding, at: datetime) -> tuple[Path, ...]:
    """Found a CA with two new P-256 keys and write its files; nothing is overwritten.

    `root.key` is for a safe elsewhere; `issuing.pem` has the root behind the issuing CA, as `read_ca` wants it.
    Raises CaSetupError, DraftRefused, IdentityError.
    """
    root_key, issuing_key = FileKey(generate_private_key(KeySpec.P256)), FileKey(generate_private_key(KeySpec.P256))
    ca = found_ca(asked, root_key, issuing_key, at)
    files = {
        "root.key": (root_key.to_pem(), 0o600),
        "issuing.key": (issuing_key.to_pem(), 0o600),
        "root.pem": (ca.root.to_pem().encode(), 0o644),
        "issuing.pem": ((ca.issuing.to_pem() + ca.root.to_pem()).encode(), 0o644),
    }
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        there = next((name for name in files if (folder / name).exists()), None)
        if there is not None:
            raise CaSetupError(folder.name, f"{folder / there} is there already; a CA's files are never overwritten")
        for name, (content, mode) in files.items():
            write_new(folder / name, content, mode=mode)
    except OSError as error:
        raise CaSetupError(folder.name, f"{folder} can't be written: {error.strerror or error}") from error
    return tuple(folder / name for name in files)

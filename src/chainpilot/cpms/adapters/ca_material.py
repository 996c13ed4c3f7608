"""A local CA's files: its certificates, its key, and the revocation list that others fetch.

A key that anybody but its owner can read is refused: whoever has it can be any station.
"""

import fcntl
import itertools
import os
import stat
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, load_pem_private_key

from chainpilot.cpms.issuing import Founding, found_ca
from chainpilot.errors import OwnError
from chainpilot.pki.certificate import Certificate, CertificateError, load_certificates
from chainpilot.pki.crl import MAX_CRL_BYTES, Crl, CrlError, load_crl
from chainpilot.pki.encoding import EncodingError
from chainpilot.pki.extensions import KeyUsageBit
from chainpilot.pki.keys import (
    KeySpec,
    PrivateKey,
    PublicKey,
    generate_private_key,
    key_spec_of,
    key_weakness,
    signing_hash,
    spki_hash,
)

__all__ = ["CaMaterial", "CaSetupError", "FileKey", "read_ca", "write_founded", "write_list", "write_new"]

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
    key: "FileKey"


class FileKey:
    """`SigningKey` whose private key is in this process."""

    def __init__(self, key: PrivateKey) -> None:
        self._key = key

    @property
    def public_key(self) -> PublicKey:
        """Its public half."""
        return self._key.public_key()

    def sign(self, data: bytes) -> bytes:
        """The signature by the key's own algorithm."""
        digest = signing_hash(self.public_key)
        match self._key:
            case ec.EllipticCurvePrivateKey() if digest is not None:
                return self._key.sign(data, ec.ECDSA(digest))
            case rsa.RSAPrivateKey() if digest is not None:
                return self._key.sign(data, padding.PKCS1v15(), digest)
            case ed25519.Ed25519PrivateKey() | ed448.Ed448PrivateKey():
                return self._key.sign(data)
            case _:
                raise TypeError("a key of a kind that signs no certificates")

    def to_pem(self) -> bytes:
        """PKCS#8, not encrypted: for a file of its owner alone."""
        return self._key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def read_ca(name: str, certificate: Path, key: Path, *, signs_lists: bool, allow_test_pki: bool = False) -> CaMaterial:
    """Read a CA's files.

    1. the key's file is its owner's alone, and holds an unencrypted key of a kind that we make
    2. the stack reads; its first certificate is a CA's with that key, which may sign certificates, and lists if asked
    3. each certificate is signed by the next, up to a root
    4. it is no test PKI's, unless those are allowed

    Raises CaSetupError.
    """
    signer = _read_key(name, key)  # 1
    try:
        chain = load_certificates(_read(name, certificate, _MAX_STACK))
    except (EncodingError, CertificateError) as error:
        raise CaSetupError(name, f"{certificate} holds no readable certificates: {error.why}") from error
    issuing = chain[0]
    usage = issuing.extensions.key_usage
    if spki_hash(signer.public_key) != issuing.spki_hash:  # 2
        raise CaSetupError(name, f"the key in {key} is not that of the first certificate in {certificate}")
    if not issuing.is_ca or (usage is not None and KeyUsageBit.KEY_CERT_SIGN not in usage):
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
    return CaMaterial(chain, signer)


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
    weakness = key_weakness(key.public_key())
    if weakness is not None or key_spec_of(key.public_key()) is None:
        raise CaSetupError(name, f"{path} holds {weakness or 'a key of a kind that is not used here'}")
    return FileKey(key)


def _read(name: str, path: Path, most: int, *, is_secret: bool = False) -> bytes:
    try:
        with path.open("rb") as file:
            about = os.fstat(file.fileno())
            if is_secret and about.st_mode & _READABLE:
                mode = stat.S_IMODE(about.st_mode)
                why = f"{path} has mode {mode:04o}: others than its owner can read it; chmod 600, or better a new key"
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

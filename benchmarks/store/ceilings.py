"""What no store can beat: OpenSSL on certificates parsed beforehand, one bare signature, one durable write."""

import os
from collections.abc import Callable, Iterator
from datetime import datetime
from itertools import cycle, islice
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from OpenSSL import crypto

from benchmarks.store.material import Material
from benchmarks.store.stopwatch import Cost, medians, take

__all__ = ["Ceiling", "DurableWrite"]

_LEAVES: Final = 64
"""Leaves parsed for the ceiling, so that it too judges a different one at every turn."""
_TURNS: Final = 10
"""Verifications a reading, some 2 milliseconds; the middle one of three counts."""
_READINGS: Final = 3


class Ceiling:
    """The cryptography of one verification of leaf and two sub-CAs, with everything parsed before."""

    def __init__(self, material: Material, at: datetime) -> None:
        """Parse the chains; `at` is the moment they are judged for, in UTC."""
        self._at = at
        self._anchor = _parse(material.roots[-1])
        self._between = [_parse(pem) for pem in _blocks(material.sub_cas)]
        self._chains = cycle([_parse(pem) for pem in material.strangers[-_LEAVES:]])
        self._signatures = cycle([_signature(pem, material.sub_cas) for pem in material.strangers[-_LEAVES:]])

    def chain(self) -> Cost:
        """One chain judged by OpenSSL: a fresh store with one anchor, as chainpilot.pki.verify makes it."""
        return _reading(self._judgement(leaf) for leaf in self._chains)

    def signature(self) -> Cost:
        """One ECDSA verification on P-256; a chain of three holds three of them."""
        return _reading(self._signatures)

    def _judgement(self, leaf: crypto.X509) -> Callable[[], None]:
        def judge() -> None:
            store = crypto.X509Store()
            store.add_cert(self._anchor)
            store.set_time(self._at)
            crypto.X509StoreContext(store, leaf, self._between).verify_certificate()

        return judge


class DurableWrite:
    """A file of a bundle's size written anew: write, fsync, rename, fsync of the directory; nothing else."""

    def __init__(self, directory: Path, content: bytes) -> None:
        """Touch nothing yet; the directory is on the store's file system and holds nothing of the store."""
        self._directory = directory
        self._content = content

    def __call__(self) -> None:
        """Write it once."""
        fresh, target = self._directory / "fresh", self._directory / "target"
        descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            rest = memoryview(self._content)
            while rest:
                rest = rest[os.write(descriptor, rest) :]
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        fresh.replace(target)
        descriptor = os.open(self._directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _reading(calls: Iterator[Callable[[], None]]) -> Cost:
    """What the calls before left to the processor's caches and the allocator disturbs the first reading at most."""
    return medians([take(list(islice(calls, _TURNS)))[0] for _ in range(_READINGS)])


def _parse(pem: str) -> crypto.X509:
    return crypto.load_certificate(crypto.FILETYPE_PEM, pem.encode("ascii"))


def _blocks(pems: str) -> Iterator[str]:
    end = "-----END CERTIFICATE-----\n"
    return (block + end for block in pems.split(end) if block)


def _signature(leaf_pem: str, issuer_pem: str) -> Callable[[], None]:
    """The leaf's signature by Sub2, the first of the sub-CAs."""
    leaf, issuer = (x509.load_pem_x509_certificate(pem.encode("ascii")) for pem in (leaf_pem, issuer_pem))
    key = issuer.public_key()
    if not isinstance(key, ec.EllipticCurvePublicKey):
        raise TypeError("the benchmark's own sub-CAs are on P-256")
    signature, signed, scheme = leaf.signature, leaf.tbs_certificate_bytes, ec.ECDSA(SHA256())
    return lambda: key.verify(signature, signed, scheme)

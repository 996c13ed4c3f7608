"""The key provider whose keys lie on a PKCS#11 token: a smart card, a secure element, an HSM."""

import os
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Final

from chainpilot.pkcs11.opening import open_token
from chainpilot.pkcs11.reference import KeyReference
from chainpilot.pkcs11.settings import TokenSettings, TokenUnusable
from chainpilot.pkcs11.signers import Scheme, signer_of
from chainpilot.pki.keys import KeySpec, PrivateKey, PublicKey
from chainpilot.station.adapters.pkcs11.reference import is_reference, read_reference, write_reference
from chainpilot.station.providers import KeyFileError, KeyMakingError, MadeKey

if TYPE_CHECKING:
    from chainpilot.pkcs11.token import Token

__all__ = ["MAX_LABEL", "Pkcs11Keys"]

MAX_LABEL: Final = 64
"""Characters of a key's label without its prefix."""
_ID_OCTETS: Final = 16
"""Random octets of CKA_ID, by which a key is found."""


class Pkcs11Keys:
    """Keys on one token (KeyProvider). Nothing is opened before a key is asked for; `close` logs out."""

    def __init__(self, settings: TokenSettings) -> None:
        self._settings = settings
        self._opened: Token | None = None
        self._opening = threading.Lock()

    def __repr__(self) -> str:
        return f"<Pkcs11Keys on the token {self._settings.token}>"

    @property
    def suffix(self) -> str:
        """`.tkey`, as EVerest names keys in hardware."""
        return ".tkey"

    @property
    def is_self_contained(self) -> bool:
        """False: a token may be pulled, and a key on it destroyed."""
        return False

    def make(self, spec: KeySpec, label: str) -> MadeKey:
        """See KeyProvider."""
        if not 0 < len(label) <= MAX_LABEL:
            raise KeyMakingError(f"a label of {len(label)} characters; 1 to {MAX_LABEL} are written on a token")
        reference = KeyReference(self._settings.token, os.urandom(_ID_OCTETS), self._settings.label_prefix + label)
        try:
            public = self._token().generate(spec, reference)
        except TokenUnusable as error:
            raise KeyMakingError(f"no {spec.value} key could be made: {error.why}") from error
        return MadeKey(signer_of(public, partial(self._sign, reference), KeyFileError), write_reference(reference))

    def recognises(self, data: bytes) -> bool:
        """See KeyProvider."""
        return is_reference(data)

    def public_half(self, data: bytes) -> PublicKey:
        """See KeyProvider; the private key is looked for too, so that a destroyed one isn't taken for a good one."""
        reference = self._reference(data)
        with _refusing("names a key that can't be had"):
            return self._token().public_half(reference)

    def signer(self, data: bytes) -> PrivateKey:
        """See KeyProvider."""
        return signer_of(self.public_half(data), partial(self._sign, self._reference(data)), KeyFileError)

    def destroy(self, data: bytes) -> None:
        """See KeyProvider."""
        reference = self._reference(data)
        with _refusing("names a key that can't be destroyed now"):
            self._token().destroy(reference)

    def strays(self, kept: Iterable[bytes]) -> tuple[bytes, ...]:
        """See KeyProvider; the labels of keys made here begin with the configured prefix."""
        named = {read_reference(data).id for data in kept if is_reference(data)}
        with _refusing("can't be compared with what the token holds"):
            held = self._token().labelled(self._settings.label_prefix)
        return tuple(write_reference(reference) for reference in held if reference.id not in named)

    def close(self) -> None:
        """Log out of the token; the next question logs in again."""
        with self._opening:
            if self._opened is not None:
                self._opened.close()

    def _sign(self, reference: KeyReference, scheme: Scheme, data: bytes) -> bytes:
        with _refusing("names a key that can't sign"):
            return self._token().sign(reference, scheme, data)

    def _reference(self, data: bytes) -> KeyReference:
        reference = read_reference(data)
        if reference.token not in {None, self._settings.token}:
            raise KeyFileError(f"names a key on the token {reference.token}; {self._settings.token} is configured")
        return reference

    def _token(self) -> "Token":
        with self._opening:
            if self._opened is None:
                self._opened = open_token(self._settings)
            return self._opened


@contextmanager
def _refusing(what: str) -> Iterator[None]:
    try:
        yield
    except TokenUnusable as error:
        raise KeyFileError(f"{what}: {error.why}") from error

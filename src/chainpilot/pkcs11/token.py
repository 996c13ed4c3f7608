"""What the owner of keys asks of a token, one method each. This room needs the extra `pkcs11`, see `opening`."""

from chainpilot.pkcs11 import objects
from chainpilot.pkcs11.reference import KeyReference
from chainpilot.pkcs11.session import TokenSession
from chainpilot.pkcs11.settings import TokenSettings
from chainpilot.pkcs11.signers import Scheme
from chainpilot.pki.keys import KeySpec, PublicKey

__all__ = ["Token"]


class Token:
    """A token's keys; thread-safe. Every method raises TokenUnusable."""

    def __init__(self, settings: TokenSettings) -> None:
        self._session = TokenSession(settings)

    def generate(self, spec: KeySpec, reference: KeyReference) -> PublicKey:
        """Make a pair of that kind under that name."""
        return self._session.run(lambda session: objects.generate(session, spec, reference))

    def public_half(self, reference: KeyReference) -> PublicKey:
        """The public key of a private key that is there."""
        return self._session.run(lambda session: objects.public_half(session, reference))

    def sign(self, reference: KeyReference, scheme: Scheme, data: bytes) -> bytes:
        """The token's own form of a signature."""
        return self._session.run(lambda session: objects.sign(session, reference, scheme, data))

    def destroy(self, reference: KeyReference) -> None:
        """Destroy the pair; one that isn't there is no error."""
        self._session.run(lambda session: objects.destroy(session, reference), anew=True)

    def labelled(self, prefix: str) -> tuple[KeyReference, ...]:
        """The private keys whose label begins so."""
        return self._session.run(lambda session: objects.labelled(session, prefix), anew=True)

    def close(self) -> None:
        """Log out; the next question logs in again."""
        self._session.close()

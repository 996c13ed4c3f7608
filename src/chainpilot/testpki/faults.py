"""Named faults that the test PKI commits when told to, so that others can show what they do then.

NEVER for production. What a fault does to an answer is done where the answer is made: `est_desk`, `est_app`,
`responder` and `ocsp_app`.
"""

from dataclasses import dataclass
from enum import Enum
from typing import Final

from chainpilot.errors import OwnError
from chainpilot.testpki.twists import Twist
from chainpilot.wire.est.paths import Operation

__all__ = ["TWISTS", "Fault", "Faults", "NoSuchFault"]


class Fault(Enum):
    """A fault by its name, as the command line takes it, and what the PKI does while it is on."""

    # certificates other than asked for; everything else about the answer is right
    WRONG_KEY = ("wrong-key", "issues for another key than the request's")
    OTHER_SUBJECT = ("other-subject", "issues for another common name")
    CA_LEAF = ("ca-leaf", "issues a CA certificate (CA:TRUE, keyCertSign)")
    WIDER_USAGE = ("wider-usage", "issues with keyCertSign, serverAuth, clientAuth, OCSPSigning and codeSigning")
    EXTRA_SAN = ("extra-san", "issues with a DNS name as subject alternative name")
    ENDED_LEAF = ("ended-leaf", "issues a certificate that has ended")
    FUTURE_LEAF = ("future-leaf", "issues a certificate that isn't valid yet")
    FOREIGN_ISSUER = ("foreign-issuer", "issues under the right CA name by a key that nobody knows")
    # bags
    SHUFFLED_BAG = ("shuffled-bag", "sends bags unsorted, with the chain in them and one certificate twice")
    MISSING_SUB2 = ("missing-sub2", "leaves the issuing CA out of cacerts")
    NEW_ROOT = ("new-root", "adds a root to cacerts that nobody knows")
    # answers
    PENDING_FIRST = ("pending-first", "answers the first POST of every request with 202 and Retry-After: 1")
    UNAUTHORIZED = ("unauthorized", "answers 401 whatever the login")
    FORBIDDEN = ("forbidden", "answers 403 with JSON: errorMessages and a traceId")
    BUSY = ("busy", "answers 503 with Retry-After: 1")
    SERVER_ERROR = ("server-error", "answers 500")
    SLOW = ("slow", "answers after 30 seconds")
    CUT = ("cut", "cuts the connection after issuing, before answering")
    REDIRECT = ("redirect", "answers 307 to another origin")
    # bodies
    GARBAGE = ("garbage", "answers 200 with a body that is no PKCS#7")
    OTHER_TYPE = ("other-type", "answers 200 with an HTML page")
    PEM_BODY = ("pem-body", "sends the PKCS#7 in PEM armour")
    RAW_BODY = ("raw-body", "sends the PKCS#7 in DER without base64")
    UNWRAPPED_BODY = ("unwrapped-body", "sends base64 in one line with a NUL behind it")
    # OCSP
    STALE_OCSP = ("stale-ocsp", "sends OCSP answers whose nextUpdate has passed")
    WRONG_OCSP_SIGNER = ("wrong-ocsp-signer", "signs OCSP answers by a delegate of an unknown CA")
    OCSP_OTHER_CERTIFICATE = ("ocsp-other-certificate", "answers about another serial number")
    OCSP_UNKNOWN = ("ocsp-unknown", "says unknown of every certificate")
    OCSP_TRY_LATER = ("ocsp-try-later", "answers tryLater")
    OCSP_GARBAGE = ("ocsp-garbage", "answers 200 with bytes that are no OCSP response")
    OCSP_SERVER_ERROR = ("ocsp-server-error", "answers 500 at the OCSP responder")
    OCSP_SLOW = ("ocsp-slow", "answers after 30 seconds at the OCSP responder")

    def __init__(self, word: str, meaning: str) -> None:
        self.word = word
        self.meaning = meaning

    @property
    def is_of_ocsp(self) -> bool:
        """Whether it is the OCSP responder's; the others are the EST server's."""
        return "ocsp" in self.word

    @classmethod
    def named(cls, word: str) -> "Fault":
        """The fault of that name. Raises NoSuchFault."""
        for fault in cls:
            if fault.word == word:
                return fault
        raise NoSuchFault(word)


TWISTS: Final = {
    Fault.WRONG_KEY: Twist.OTHER_KEY,
    Fault.OTHER_SUBJECT: Twist.OTHER_SUBJECT,
    Fault.CA_LEAF: Twist.CA,
    Fault.WIDER_USAGE: Twist.WIDER_USAGE,
    Fault.EXTRA_SAN: Twist.EXTRA_NAME,
    Fault.ENDED_LEAF: Twist.ENDED,
    Fault.FUTURE_LEAF: Twist.NOT_YET,
    Fault.FOREIGN_ISSUER: Twist.FOREIGN_ISSUER,
}
"""The faults that twist certificates."""


class NoSuchFault(OwnError):
    """There is no fault of that name."""

    def __init__(self, word: str) -> None:
        super().__init__(f"there is no fault {word!r}; there are {', '.join(fault.word for fault in Fault)}")
        self.word = word


@dataclass(slots=True)
class _Switched:
    """A fault that is on."""

    only: Operation | None
    left: int | None


class Faults:
    """Which faults are on; they take effect with the next request."""

    def __init__(self) -> None:
        self._on: dict[Fault, _Switched] = {}

    @property
    def active(self) -> tuple[Fault, ...]:
        """What is on, in the order it was switched on."""
        return tuple(self._on)

    def told(self, fault: Fault) -> str:
        """What it does, and what `only` and `times` leave of it, in words."""
        switched = self._on.get(fault)
        only = f", for {switched.only.value} alone" if switched is not None and switched.only is not None else ""
        left = f", answers left: {switched.left}" if switched is not None and switched.left is not None else ""
        return f"{fault.meaning}{only}{left}"

    def on(self, fault: Fault | str, *, only: Operation | str | None = None, times: int | None = None) -> None:
        """Switch a fault on.

        Args:
            fault: it or its name.
            only: the EST operation that it concerns; None means every one where it has a meaning.
            times: after how many answers it is off again; None means never.

        Raises:
            NoSuchFault: there is none of that name.
            ValueError: `only` is no operation.
        """
        found = Fault.named(fault) if isinstance(fault, str) else fault
        self._on[found] = _Switched(Operation(only) if isinstance(only, str) else only, times)

    def off(self, fault: Fault | str) -> None:
        """Switch a fault off, whether it was on or not. Raises NoSuchFault."""
        self._on.pop(Fault.named(fault) if isinstance(fault, str) else fault, None)

    def clear(self) -> None:
        """Switch everything off."""
        self._on.clear()

    def strikes(self, fault: Fault, operation: Operation | None = None) -> bool:
        """Whether the fault is committed now, which counts as one of its times."""
        switched = self._on.get(fault)
        if switched is None or (switched.only is not None and switched.only is not operation):
            return False
        if switched.left is not None:
            switched.left -= 1
            if switched.left <= 0:
                del self._on[fault]
        return True

"""The CAs that lead to an anchor: those of the configuration, and what PKIs and stations' chains showed.

A CA is known by signatures alone, up to an anchor; that it is shown by whomever makes it no anchor.
"""

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Final

from chainpilot.pki.certificate import Certificate
from chainpilot.pki.hashdata import CertificateHashData, HashAlgorithm
from chainpilot.pki.keys import key_weakness
from chainpilot.pki.ocsp import CertId, CertIdDigest, issuer_id

__all__ = ["KnownIssuers", "leading_to"]

_MAX_SHOWN: Final = 2000
"""CAs looked at of those that others show."""
_ANY: Final = "0"
"""In place of the serial number: an issuer is the same for all of them."""


class KnownIssuers:
    """The `chainpilot.cpms.ports.Issuers` over what its sources show now.

    Args:
        anchors: what is trusted now.
        shown: CAs that others show now; those count that lead to an anchor.
    """

    def __init__(
        self, anchors: Callable[[], tuple[Certificate, ...]], shown: Callable[[], tuple[Certificate, ...]]
    ) -> None:
        self._anchors = anchors
        self._shown = shown
        self._seen: tuple[tuple[Certificate, ...], tuple[Certificate, ...]] = ((), ())
        self._known: tuple[Certificate, ...] = ()
        self._by_name: dict[CertId, Certificate] = {}

    def issuer_of(self, subject: CertificateHashData) -> Certificate | None:
        """The CA that hash data name; of several with one name and key the first."""
        self._look()
        return self._by_name.get(replace(CertId.of(subject), serial_number=_ANY))

    def known(self) -> tuple[Certificate, ...]:
        """The anchors, then the others."""
        self._look()
        return self._known

    def _look(self) -> None:
        seen = self._anchors(), self._shown()
        if seen == self._seen:
            return
        self._seen = seen
        self._known = leading_to(*seen)
        self._by_name = {}
        for certificate in self._known:
            for algorithm in HashAlgorithm:
                self._by_name.setdefault(issuer_id(certificate, _ANY, CertIdDigest.of(algorithm)), certificate)


def leading_to(anchors: Iterable[Certificate], shown: Iterable[Certificate]) -> tuple[Certificate, ...]:
    """The anchors, and of what is shown the CAs that one of them signed, or one of those, and so on."""
    known = list(dict.fromkeys(anchors))
    candidates = (one for one in dict.fromkeys(shown) if one not in known and one.is_ca)
    left = [one for one in list(candidates)[:_MAX_SHOWN] if key_weakness(one.public_key) is None]
    for signer in known:
        signed = [one for one in left if one.issuer_key == signer.subject_key and one.was_signed_by(signer)]
        left = [one for one in left if one not in signed]
        known.extend(signed)
    return tuple(known)

"""Which certificates to ask an OCSP responder about, and which responder (OCPP M06, seed 001).

Asking, and judging what comes back, are others' work.
"""

from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Final

from chainpilot.pki.certificate import Certificate
from chainpilot.pki.hashdata import CertificateHashData, hash_data, naming_objection
from chainpilot.pki.verify import VerifiedChain
from chainpilot.station.judgement import StackRefusal, judge, read_stack
from chainpilot.station.layout import Layout
from chainpilot.station.model import (
    CaCertificateType,
    LeafCertificateType,
    OCSPRequestData,
    OCSPRequestDataList,
)
from chainpilot.station.store import Way, links_of, read_leaves
from chainpilot.station.vault import Look

__all__ = ["MAX_URL", "mo_request_data", "responder_of", "v2g_request_data", "way_of"]

MAX_URL: Final = 512
"""Characters of a responder's URL (OCPP 2.0.1 OCSPRequestDataType)."""


def v2g_request_data(look: Look, layout: Layout, at: datetime) -> OCSPRequestDataList:
    """Every SECC leaf that hasn't ended, those that begin later too, and its sub-CAs; each once, no root."""
    leaves = read_leaves(look, layout, LeafCertificateType.V2G).leaves
    asked: dict[CertificateHashData, Certificate] = {}
    left_out: list[str] = []
    for stored in leaves:
        if at > stored.leaf.not_after:
            continue
        way = links_of(look, layout, stored).way
        if not way:
            left_out.append(f"{stored.leaf.subject}: its issuer isn't at hand")
        asked |= {hash_data(one, issuer): one for one, issuer in way}
    return _listed(asked, layout, left_out)


def mo_request_data(look: Look, layout: Layout, text: str, at: datetime) -> OCSPRequestDataList:
    """A contract leaf and its sub-CAs, when the chain leads to an anchor of the domains MO or V2G."""
    chain = read_stack(text)
    if isinstance(chain, StackRefusal):
        return OCSPRequestDataList((), (chain.why,))
    verdict = judge(look, layout, chain, (CaCertificateType.MO, CaCertificateType.V2G), at)
    if not isinstance(verdict, VerifiedChain):
        return OCSPRequestDataList((), (verdict.reason or verdict.result.value,))
    return _listed({hash_data(one, issuer): one for one, issuer in way_of(verdict)}, layout, ())


def way_of(verdict: VerifiedChain) -> Way:
    """The leaf and its sub-CAs, each with its issuer."""
    return tuple(zip(verdict.chain.certificates, (*verdict.intermediates, verdict.anchor), strict=True))


def _listed(
    asked: dict[CertificateHashData, Certificate], layout: Layout, left_out: Iterable[str]
) -> OCSPRequestDataList:
    judged = ((one, naming_objection(one)) for one in asked.values())
    nameless = {one: f"{one.subject}: {why}" for one, why in judged if why is not None}
    found = {
        subject: responder_of(certificate, layout)
        for subject, certificate in asked.items()
        if certificate not in nameless
    }
    silent = (f"{asked[subject].subject}: names no OCSP responder" for subject, url in found.items() if url is None)
    return OCSPRequestDataList(
        tuple(OCSPRequestData(subject, url) for subject, url in found.items() if url is not None),
        (*left_out, *nameless.values(), *silent),
    )


def responder_of(certificate: Certificate, layout: Layout) -> str | None:
    """The responder to ask about it: the first that it names, else the configured one; None where there is neither."""
    return next(_urls(certificate, layout), None)


def _urls(certificate: Certificate, layout: Layout) -> Iterator[str]:
    """Its own responders, then the configured one; never two in one text, never an empty one."""
    for url in (*certificate.ocsp_urls, layout.config.default_ocsp_url):
        if url.lower().startswith(("http://", "https://")) and len(url) <= MAX_URL:
            yield url

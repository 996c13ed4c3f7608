"""A PKI that turns malicious, or makes a mistake: whatever it answers, no station gets what was not asked for."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from ipaddress import IPv4Address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from chainpilot.cpms.model import EnrolmentState, Reason, Step
from chainpilot.cpms.ports import IssuedBag
from chainpilot.pki.certificate import Certificate
from chainpilot.pki.csr import Csr
from chainpilot.pki.keys import KeySpec, generate_private_key
from chainpilot.pki.trust import LeafUse
from chainpilot.wire.pnc.words import GenericStatus
from forge import NOON, Forged, forge
from offices import EVSE, open_scene
from sims import Ladder, v2g_ladder

__all__: list[str] = []

pytestmark = pytest.mark.anyio

FAR = NOON + timedelta(days=3650)
Issue = Callable[[Forged, Csr], Sequence[Certificate]]


@dataclass
class Malicious:
    """`CertificateAuthority` that answers with whatever a test makes."""

    ladder: Ladder
    issue: Issue
    beside: tuple[Certificate, ...] = ()
    """In cacerts too."""
    repost_safe: bool = False
    asked: list[Csr] = field(default_factory=list)

    async def cacerts(self) -> tuple[Certificate, ...]:
        """The ladder and what it adds."""
        return (*self.ladder.certificates, *self.beside)

    async def simpleenroll(self, csr: Csr) -> IssuedBag:
        """What `issue` makes."""
        self.asked.append(csr)
        return IssuedBag(tuple(self.issue(self.ladder.issuing, csr)))


def leaf(issuer: Forged, csr: Csr, **changes: object) -> Certificate:
    """A certificate as asked, but for the changes."""
    subject = x509.load_der_x509_csr(csr.der).subject
    whole = {"subject": subject, "public_key": csr.public_key, "end": FAR, **changes}
    return forge(csr.common_name, issuer, **whole).certificate  # type: ignore[arg-type] # - changes of many kinds


def renamed(csr: Csr, name: str) -> x509.Name:
    given = x509.load_der_x509_csr(csr.der).subject
    return x509.Name(
        [x509.NameAttribute(one.oid, name if one.oid == NameOID.COMMON_NAME else one.value) for one in given]
    )


def san(*names: x509.GeneralName) -> tuple[tuple[x509.ExtensionType, bool], ...]:
    return ((x509.SubjectAlternativeName(names), False),)


USAGE = {"digital_signature": True, "key_agreement": True}
STRANGER = v2g_ladder("New Root")

MISFITS: dict[str, tuple[Issue, Reason]] = {
    "another subject": (
        lambda ca, csr: [leaf(ca, csr, subject=renamed(csr, "DE*ICE*E9999"))],
        Reason.LEAF_SUBJECT_MISMATCH,
    ),
    "an added attribute": (
        lambda ca, csr: [
            leaf(ca, csr, subject=x509.Name([*renamed(csr, EVSE), x509.NameAttribute(NameOID.SURNAME, "x")]))
        ],
        Reason.LEAF_SUBJECT_MISMATCH,
    ),
    "another key": (lambda ca, csr: [leaf(ca, csr, public_key=None)], Reason.LEAF_KEY_MISMATCH),
    "a CA": (lambda ca, csr: [leaf(ca, csr, ca=True, path_length=0)], Reason.LEAF_IS_CA),
    "may sign certificates": (
        lambda ca, csr: [leaf(ca, csr, usage={**USAGE, "key_cert_sign": True})],
        Reason.CHAIN_NOT_TRUSTED,
    ),
    "may sign revocation lists": (
        lambda ca, csr: [leaf(ca, csr, usage={**USAGE, "crl_sign": True})],
        Reason.LEAF_PROFILE_MISMATCH,
    ),
    "may sign code": (
        lambda ca, csr: [leaf(ca, csr, eku=(ExtendedKeyUsageOID.CODE_SIGNING,))],
        Reason.LEAF_PROFILE_MISMATCH,
    ),
    "may sign OCSP answers": (
        lambda ca, csr: [leaf(ca, csr, eku=(ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.OCSP_SIGNING))],
        Reason.LEAF_PROFILE_MISMATCH,
    ),
    "may do anything": (
        lambda ca, csr: [leaf(ca, csr, eku=(ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE,))],
        Reason.LEAF_PROFILE_MISMATCH,
    ),
    "an alternative name": (
        lambda ca, csr: [leaf(ca, csr, extensions=san(x509.DNSName("csms.operator.example")))],
        Reason.LEAF_PROFILE_MISMATCH,
    ),
    "ended": (lambda ca, csr: [leaf(ca, csr, end=NOON - timedelta(seconds=1))], Reason.LEAF_EXPIRED),
    "below a new root that it brings along": (
        lambda ca, csr: [leaf(STRANGER.issuing, csr), *STRANGER.certificates],
        Reason.CHAIN_NOT_TRUSTED,
    ),
    "signed by somebody with the CA's name": (
        lambda ca, csr: [leaf(forge("CPO Sub2", ca=True, end=FAR), csr)],
        Reason.CHAIN_NOT_TRUSTED,
    ),
    "nothing at all": (lambda ca, csr: [], Reason.LEAF_KEY_MISMATCH),
    "only its CAs": (lambda ca, csr: [ca.certificate], Reason.LEAF_KEY_MISMATCH),
}


@pytest.mark.parametrize("misfit", MISFITS)
async def test_an_unfit_secc_certificate_reaches_no_station(misfit: str, tmp_path: Path) -> None:
    issue, reason = MISFITS[misfit]
    async with open_scene(tmp_path) as scene:
        ca = Malicious(scene.ca.ladder, issue, beside=STRANGER.certificates)
        scene.office = scene.office_with(v2g=ca)
        assert (await scene.ask()).status is GenericStatus.ACCEPTED
        await scene.work()
        enrolment = await scene.only()
        assert enrolment.failure is not None
        assert (enrolment.state, enrolment.failure.reason) == (EnrolmentState.FAILED, reason)
        assert scene.station.received == []
        assert Step.DELIVERY_RECORDED not in scene.names
        assert len(ca.asked) == 1


async def test_what_is_as_asked_is_delivered_beside_all_that(tmp_path: Path) -> None:
    async with open_scene(tmp_path) as scene:
        ca = Malicious(scene.ca.ladder, lambda issuer, csr: [leaf(issuer, csr)], beside=STRANGER.certificates)
        scene.office = scene.office_with(v2g=ca)
        await scene.ask()
        await scene.work()
        assert (await scene.only()).state is EnrolmentState.INSTALLED


CLIENT = ExtendedKeyUsageOID.CLIENT_AUTH
CLIENT_MISFITS: dict[str, Issue] = {
    "may pose as the CSMS": lambda ca, csr: [leaf(ca, csr, eku=(CLIENT, ExtendedKeyUsageOID.SERVER_AUTH))],
    "may do anything": lambda ca, csr: [leaf(ca, csr, eku=(CLIENT, ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE))],
    "is another host too": lambda ca, csr: [
        leaf(ca, csr, eku=(CLIENT,), extensions=san(x509.IPAddress(IPv4Address("192.0.2.7"))))
    ],
}


@pytest.mark.parametrize("misfit", CLIENT_MISFITS)
async def test_an_unfit_client_certificate_reaches_no_station(misfit: str, tmp_path: Path) -> None:
    async with open_scene(tmp_path) as scene:
        scene.office = scene.office_with(own=Malicious(scene.csms_ca.ladder, CLIENT_MISFITS[misfit]))
        await scene.ask(scene.request(LeafUse.CSMS))
        await scene.work()
        failure = (await scene.only()).failure
        assert failure is not None
        assert failure.reason is Reason.LEAF_PROFILE_MISMATCH
        assert scene.station.received == []


async def test_a_v2g_pki_can_t_make_client_certificates(tmp_path: Path) -> None:
    """Trust is one domain's: a certificate below a V2G root lets no station into the CSMS."""
    async with open_scene(tmp_path) as scene:
        v2g = Malicious(scene.ca.ladder, lambda issuer, csr: [leaf(issuer, csr, eku=(CLIENT,))])
        scene.office = scene.office_with(own=v2g)
        await scene.ask(scene.request(LeafUse.CSMS))
        await scene.work()
        failure = (await scene.only()).failure
        assert failure is not None
        assert failure.reason is Reason.CHAIN_NOT_TRUSTED
        assert scene.station.received == []


@dataclass
class RollingOver:
    """A PKI whose Sub2 changes between any two of its answers."""

    root: Forged
    sub1: Forged
    repost_safe: bool = False
    generation: int = 0
    reads: int = 0

    def __post_init__(self) -> None:
        self.sub2 = self._next()

    def _next(self) -> Forged:
        self.generation += 1
        return forge("CPO Sub2", self.sub1, ca=True, path_length=0, end=FAR)

    async def cacerts(self) -> tuple[Certificate, ...]:
        """Those of now."""
        self.reads += 1
        return self.root.certificate, self.sub1.certificate, self.sub2.certificate

    async def simpleenroll(self, csr: Csr) -> IssuedBag:
        """By a new Sub2 of the same name, from now on in cacerts."""
        self.sub2 = self._next()
        return IssuedBag((leaf(self.sub2, csr),))


async def test_a_sub2_that_rolled_over_between_cacerts_and_simpleenroll_is_fetched_and_the_chain_ordered_by_signature(
    tmp_path: Path,
) -> None:
    ladder = v2g_ladder()
    async with open_scene(tmp_path, ladder=ladder) as scene:
        pki = RollingOver(ladder.root, ladder.subs[0])
        scene.office = scene.office_with(v2g=pki)
        await scene.office.shelf.fetch("v2g", pki)
        former = pki.sub2
        await scene.ask()
        await scene.work()
        assert (await scene.only()).state is EnrolmentState.INSTALLED
        assert pki.reads == 2
        (text,) = scene.station.texts
        assert pki.sub2.certificate.to_pem() in text
        assert former.certificate.to_pem() not in text


async def test_cacerts_that_chain_are_not_fetched_again(tmp_path: Path) -> None:
    async with open_scene(tmp_path) as scene:
        for _ in range(2):
            await scene.ask(scene.request(key=generate_private_key(KeySpec.P256)))
            await scene.work()
        assert (scene.ca.posts, scene.ca.cacerts_reads) == (2, 1)

"""A certificate sent because somebody wants it sent: its enrolment's own delivery, seen by a call."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from answering import AnsweringStation, Reply, Said, answering
from backoffice import EVSE, STATION, BackOffice, open_back_office
from chainpilot.cpms.calls import DemandRefused
from chainpilot.cpms.model import CallState, Enrolment, EnrolmentState, Proof, StationCall, Step
from chainpilot.cpms.model.demands import SendCertificate
from chainpilot.pki.certificate import Certificate, load_certificates
from chainpilot.pki.chain import chain_from_stack
from chainpilot.pki.hashdata import hash_data
from chainpilot.pki.identity import StationId
from chainpilot.pki.keys import KeySpec, generate_private_key
from chainpilot.pki.trust import LeafUse
from chainpilot.wire.pnc.codec import encode_request
from chainpilot.wire.pnc.dialects import Dialect
from chainpilot.wire.pnc.messages import (
    CertificateHashDataChain,
    CertificateSignedRequest,
    CertificateSignedResponse,
    GetInstalledCertificateIdsResponse,
    SignCertificateRequest,
)
from chainpilot.wire.pnc.words import CertificateUse, GenericStatus, GetInstalledCertificateStatus
from sims import csr_text

__all__: list[str] = []

pytestmark = pytest.mark.anyio


class Store:
    """What the station holds, and whether it takes more."""

    def __init__(self) -> None:
        self.takes = True
        self.root: Certificate | None = None
        self.chains: list[str] = []

    def __call__(self, said: Said, text: str) -> Reply:
        if isinstance(said, CertificateSignedRequest):
            if not self.takes:
                return CertificateSignedResponse(GenericStatus.REJECTED, "StoreFull")
            self.chains.append(said.certificate_chain)
            return CertificateSignedResponse(GenericStatus.ACCEPTED)
        if not self.chains:
            return GetInstalledCertificateIdsResponse(GetInstalledCertificateStatus.NOT_FOUND)
        assert self.root is not None
        links = chain_from_stack(load_certificates(self.chains[-1])).certificates
        named = [hash_data(child, issuer) for child, issuer in zip(links, [*links[1:], self.root], strict=True)]
        entry = CertificateHashDataChain(CertificateUse.V2G_CERTIFICATE_CHAIN, named[0], tuple(named[1:]))
        return GetInstalledCertificateIdsResponse(GetInstalledCertificateStatus.ACCEPTED, (entry,))


@asynccontextmanager
async def enrolled(folder: Path, store: Store, end: Step) -> AsyncIterator[tuple[BackOffice, AnsweringStation]]:
    """A station of 2.0.1 whose enrolment has come to this end."""
    async with open_back_office(folder) as office, answering(office, [Dialect.V201], store) as station:
        store.root = office.v2g.root.certificate
        csr = csr_text(generate_private_key(KeySpec.P256), EVSE)
        call = encode_request(SignCertificateRequest(csr, LeafUse.V2G), Dialect.V201)
        assert (await station.call(call.action, call.payload))[2]["status"] == "Accepted"
        await office.steps.until(end)
        yield office, station


async def the_enrolment(office: BackOffice) -> Enrolment:
    """The only one."""
    (enrolment,) = await office.cpms.ledger.enrolments_of(STATION)
    return enrolment


async def sent(office: BackOffice) -> StationCall:
    """The call, ended."""
    ordered = await office.cpms.calls.order(STATION, SendCertificate((await the_enrolment(office)).enrolment_id))
    await office.steps.until(Step.CALL_ENDED)
    call = await office.cpms.ledger.call(ordered.call_id)
    assert call is not None
    return call


async def test_a_station_that_lost_its_certificate_gets_it_again(tmp_path: Path) -> None:
    store = Store()
    async with enrolled(tmp_path, store, Step.INSTALL_RECORDED) as (office, _):
        call = await sent(office)
        assert (call.state, call.findings) == (CallState.DONE, {"proof": Proof.READ_BACK.value})
        assert [exchange.action for exchange in call.exchanges] == ["CertificateSigned", "GetInstalledCertificateIds"]
        assert store.chains[0] == store.chains[1]
        assert call.exchanges[0].sent["fingerprint"] == (await the_enrolment(office)).fingerprint
        assert len(office.ca.issued) == 1


async def test_a_station_that_refused_it_once_may_take_it_now(tmp_path: Path) -> None:
    store = Store()
    store.takes = False
    async with enrolled(tmp_path, store, Step.FAILED) as (office, _):
        store.takes = True
        assert (await sent(office)).state is CallState.DONE
        assert (await the_enrolment(office)).state is EnrolmentState.INSTALLED


async def test_a_station_that_refuses_it_again_ends_the_call_and_the_enrolment(tmp_path: Path) -> None:
    store = Store()
    store.takes = False
    async with enrolled(tmp_path, store, Step.FAILED) as (office, _):
        call = await sent(office)
        assert call.state is CallState.REFUSED
        assert call.end is not None
        assert "StoreFull" in call.end.detail
        assert (await the_enrolment(office)).state is EnrolmentState.FAILED


async def test_a_certificate_that_has_expired_is_not_sent(tmp_path: Path) -> None:
    store = Store()
    async with enrolled(tmp_path, store, Step.INSTALL_RECORDED) as (office, _):
        enrolment = await the_enrolment(office)
        leaf = load_certificates(enrolment.chain or "")[0]
        office.clock.set(leaf.not_after)
        office.clock.advance(60)
        call = await sent(office)
        assert call.state is CallState.REFUSED
        assert len(store.chains) == 1


async def test_an_enrolment_is_nothing_to_a_station_that_nobody_knows(tmp_path: Path) -> None:
    store = Store()
    async with enrolled(tmp_path, store, Step.INSTALL_RECORDED) as (office, _):
        demand = SendCertificate((await the_enrolment(office)).enrolment_id)
        with pytest.raises(DemandRefused, match="no such station"):
            await office.cpms.calls.order(StationId("CS-0002"), demand)

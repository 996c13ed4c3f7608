"""What our CPMS does with a station on a `Duet`, step by step, and what must hold of both after each."""

from dataclasses import dataclass
from pathlib import Path

import pytest

from chainpilot.cpms.calls import DemandRefused
from chainpilot.cpms.model import CallState, EnrolmentState, Proof, Step
from chainpilot.cpms.model.demands import (
    ChangeConfiguration,
    ChangePassword,
    DeleteCertificate,
    GetInstalledCertificateIds,
    GetLog,
    InstallCertificate,
    Reset,
    SetNetworkProfile,
    SetVariables,
    TriggerMessage,
    VariableName,
    VariableValue,
)
from chainpilot.pki.certificate import load_certificates
from chainpilot.pki.hashdata import hash_data
from chainpilot.pki.trust import LeafUse
from chainpilot.station.watch import Connected, ConnectFailed
from chainpilot.wire import ocpp16, ocpp201
from chainpilot.wire.pnc.dialects import Dialect
from chainpilot.wire.pnc.words import CertificateUse, MessageTrigger
from chainpilot.wire.security import LogType
from chainpilot.wire.version import OcppVersion
from flows.duet import STATION, Duet

__all__ = [
    "CSMS_ROOT",
    "MO_ROOT",
    "PRIORITY",
    "V2G_ROOT",
    "WAYS",
    "Way",
    "arrive",
    "change_password",
    "enrol",
    "enrol_all",
    "fetch_log",
    "list_and_delete",
    "listed",
    "named",
    "network",
    "renew_client",
    "renew_secc",
    "replace_root",
    "reset",
    "start_anew",
    "step_up",
    "try_to_lower",
]

H, O, S, V201 = Dialect.H, Dialect.O, Dialect.S, Dialect.V201  # noqa: E741 - the specification's letters
TRIGGERS = {
    LeafUse.CSMS: MessageTrigger.SIGN_CHARGING_STATION_CERTIFICATE,
    LeafUse.V2G: MessageTrigger.SIGN_V2G_CERTIFICATE,
}
CSMS_ROOT, MO_ROOT, V2G_ROOT = (
    CertificateUse.CSMS_ROOT_CERTIFICATE,
    CertificateUse.MO_ROOT_CERTIFICATE,
    CertificateUse.V2G_ROOT_CERTIFICATE,
)
PRIORITY = VariableName("OCPPCommCtrlr", "NetworkConfigurationPriority")


@dataclass(frozen=True)
class Way:
    """What the CPMS speaks with the station, and for what."""

    version: OcppVersion
    dialects: tuple[Dialect, ...]
    client: Dialect
    """That the client certificate comes by."""
    v2g: Dialect | None
    """That the SECC leaf comes by; None: there are no words for it."""

    @property
    def uses(self) -> tuple[LeafUse, ...]:
        """The leaves that can be had."""
        return (LeafUse.CSMS, LeafUse.V2G) if self.v2g else (LeafUse.CSMS,)


V16 = OcppVersion.V16
WAYS = {
    "H": Way(V16, (H,), H, H),
    "O": Way(V16, (O,), O, O),
    "S": Way(V16, (S,), S, None),
    "S+H": Way(V16, (H, S), S, H),
    "S+O": Way(V16, (O, S), S, O),
    "2.0.1": Way(OcppVersion.V201, (), V201, V201),
}


def signed_answers(duet: Duet) -> int:
    """How often the CPMS heard that a certificate was taken."""
    return duet.steps.count(Step.SIGNED_ANSWERED, answer="Accepted")


def installations(duet: Duet) -> int:
    """How often the CPMS wrote down that a certificate is there."""
    return duet.steps.count(Step.INSTALL_RECORDED)


async def enrol(duet: Duet, way: Way, use: LeafUse) -> None:
    """The CPMS triggers a leaf, and has it installed."""
    answered, installed = signed_answers(duet), installations(duet)
    call = await duet.call(TriggerMessage(TRIGGERS[use]))
    spoken = way.client if use is LeafUse.CSMS else way.v2g
    assert [one.spoken for one in call.exchanges] == [spoken.value if spoken else None]
    await duet.steps.until(lambda: signed_answers(duet) > answered)
    await duet.steps.until(lambda: installations(duet) > installed)
    await duet.assert_store_holds_good(use)


def network(duet: Duet, profile: int) -> ocpp201.ConnectionData:
    return ocpp201.ConnectionData(
        ocpp201.ProfileVersion.OCPP20,
        ocpp201.Transport.JSON,
        duet.url(profile),
        message_timeout=30,
        security_profile=profile,
        ocpp_interface=ocpp201.NetworkInterface.WIRED0,
    )


async def step_up(duet: Duet, way: Way, profile: int) -> None:
    """The CPMS sends the station to a higher profile, and it comes over that one."""
    if way.version is V16:
        await duet.call(ChangeConfiguration("SecurityProfile", str(profile)))
    else:
        data = network(duet, profile)
        present = duet.station.agent.flows.configuration.settings.active_network
        slot = 1 if present != 1 else 2
        await duet.call(SetNetworkProfile(slot, data))
        await duet.call(SetVariables((VariableValue(PRIORITY, f"{slot},{present}"),)))
    await duet.let_it_settle()
    await duet.came(profile)
    assert duet.station.profile == profile
    assert (await duet.record()).minimum_profile == profile


async def reset(duet: Duet, profile: int) -> None:
    """The CPMS has the station start again; it comes back over the same profile."""
    await duet.call(Reset())
    await duet.came(profile)


async def listed(duet: Duet, *uses: CertificateUse) -> set[tuple[object, object]]:
    """Types and serial numbers of what the station tells to have; H lists a leaf's sub-CAs beside it, others below."""
    call = await duet.call(GetInstalledCertificateIds(uses))
    found = call.findings["certificates"]
    assert isinstance(found, list)
    chains = [(one["certificateType"], one, *one.get("children", ())) for one in found]
    return {(kind, each["serialNumber"]) for kind, *chain in chains for each in chain}


def named(use: CertificateUse, pem: str) -> tuple[object, object]:
    certificate = load_certificates(pem)[0]
    return use.value, hash_data(certificate, certificate).serial_number


async def arrive(duet: Duet, way: Way, start: int) -> None:
    """From the first connection to profile 2, with the roots that everything rests on."""
    if start == 2:
        duet.give_root()
    await duet.start()
    if start == 0:
        await change_password(duet, 0)
    if start < 2:
        await duet.call(InstallCertificate(CSMS_ROOT, duet.root("csms")))
    for profile in range(start + 1, 3):
        await step_up(duet, way, profile)


async def enrol_all(duet: Duet, way: Way) -> None:
    """The leaves that can be had, over profile 2; each has come for one request and once."""
    if way.v2g:
        await duet.call(InstallCertificate(V2G_ROOT, duet.root("v2g")))
        await duet.call(InstallCertificate(MO_ROOT, duet.root("mo")))
    for use in way.uses:
        await enrol(duet, way, use)
    assert len(duet.pki.issued) == len(way.uses)
    for use, proof in ((LeafUse.CSMS, Proof.UNPROVEN), (LeafUse.V2G, Proof.READ_BACK)):
        found = [(one.state, one.proof, one.deliveries) for one in await duet.enrolments(use)]
        assert found == ([(EnrolmentState.INSTALLED, proof, 1)] if use in way.uses else [])


async def change_password(duet: Duet, profile: int) -> None:
    """A new password, which the station comes back with; the old one is forgotten at both ends."""
    before, known = duet.station.agent.flows.configuration.passwords(), (await duet.record()).password_hash
    await duet.call(ChangePassword())
    await duet.let_it_settle()
    await duet.came(profile)
    record = await duet.record()
    assert not {*before} & {*duet.station.agent.flows.configuration.passwords()}
    assert known not in {record.password_hash, *record.next_password_hashes}


async def try_to_lower(duet: Duet, way: Way) -> None:
    """Neither end takes a lower profile, whoever asks for it."""
    assert {network.security_profile for _, network in duet.station.agent.flows.configuration.candidates()} == {3}
    if way.version is not V16:
        answer = await duet.tell(ocpp201.SetNetworkProfile(7, network(duet, 2)))
        assert isinstance(answer, ocpp201.SetNetworkProfileResponse)
        assert answer.status is ocpp201.SetNetworkProfileStatus.REJECTED
        return
    with pytest.raises(DemandRefused, match="never lowered"):
        await duet.cpms.calls.order(STATION, ChangeConfiguration("SecurityProfile", "2"))
    for lower in "210":
        said = await duet.tell(ocpp16.ChangeConfiguration("SecurityProfile", lower))
        assert said == ocpp16.ChangeConfigurationResponse(ocpp16.ConfigurationStatus.REJECTED)


async def list_and_delete(duet: Duet, way: Way) -> None:
    """What the station tells to have is what it was sent; a root that is needed no more goes, one in use doesn't."""
    expected = {named(CSMS_ROOT, duet.root("csms"))}
    if way.v2g:
        chain = load_certificates(Path(duet.leaf(LeafUse.V2G).certificate or "").read_text())
        expected |= {named(V2G_ROOT, duet.root("v2g")), named(MO_ROOT, duet.root("mo"))}
        expected |= {(CertificateUse.V2G_CERTIFICATE_CHAIN.value, f"{one.serial_number:x}") for one in chain}
    uses = () if way.v2g else (CSMS_ROOT,)
    assert await listed(duet, *uses) == expected
    refused = await duet.call(DeleteCertificate(certificate=duet.root("csms")), CallState.REFUSED)
    assert refused.end is not None
    assert refused.end.detail.startswith("Failed")
    assert await listed(duet, *uses) == expected
    if way.v2g:
        await duet.call(DeleteCertificate(certificate=duet.root("mo"), certificate_type=MO_ROOT))
        assert await listed(duet) == expected - {named(MO_ROOT, duet.root("mo"))}


async def fetch_log(duet: Duet) -> None:
    """The security log, brought to a file server."""
    call = await duet.call(GetLog(LogType.SECURITY_LOG, f"{duet.files.url}/logs/"))
    await duet.steps.until(lambda: duet.steps.count(Step.CALL_PROGRESS, call=str(call.call_id), answer="Uploaded"))
    name = call.findings["filename"]
    text = duet.files.files[f"/logs/{name}"].decode()
    assert "StartupOfTheDevice" in text
    assert "ReconfigurationOfSecurityParameters" in text
    password = duet.station.agent.flows.configuration.settings.password.value
    assert password not in text


async def replace_root(duet: Duet) -> None:
    """The CPMS goes over to another PKI for its own certificate; the station was given that root before."""
    other = await duet.change_servers_pki()
    await duet.call(InstallCertificate(CSMS_ROOT, other.root.certificate.to_pem()))
    await reset(duet, 3)
    pem = other.root.certificate.to_pem()
    assert named(CSMS_ROOT, pem) in await listed(duet, CSMS_ROOT)
    await duet.call(DeleteCertificate(certificate=pem), CallState.REFUSED)


async def renew_client(duet: Duet, way: Way) -> None:
    """A new key and leaf; the station comes with it by itself, and the CPMS has seen it then."""
    before = duet.leaves(LeafUse.CSMS)
    seen = duet.steps.count(Step.CLIENT_CERTIFICATE_SEEN)
    duet.let_time_pass(60)
    await enrol(duet, way, LeafUse.CSMS)
    await duet.came(3)
    await duet.steps.until(lambda: duet.steps.count(Step.CLIENT_CERTIFICATE_SEEN) > seen)
    old, new = duet.leaves(LeafUse.CSMS)
    assert [old] == before
    assert old.spki_hash != new.spki_hash
    assert duet.in_use(LeafUse.CSMS) == new
    assert [one.proof for one in await duet.enrolments(LeafUse.CSMS)] == [Proof.CONNECTED, Proof.CONNECTED]


async def renew_secc(duet: Duet, way: Way) -> None:
    """A new key and leaf, good from a later time on; until then the old one is in use."""
    duet.pki_clock.advance(2 * 3600)  # the test PKI dates its leaves back by one hour
    await enrol(duet, way, LeafUse.V2G)
    old, new = duet.leaves(LeafUse.V2G)
    assert old.spki_hash != new.spki_hash
    assert duet.in_use(LeafUse.V2G) == old
    duet.clock.advance(2 * 3600)
    assert duet.in_use(LeafUse.V2G) == new
    await duet.assert_store_holds_good(LeafUse.V2G)
    assert [one.state for one in await duet.enrolments(LeafUse.V2G)] == [EnrolmentState.INSTALLED] * 2


async def start_anew(duet: Duet, way: Way) -> None:
    """On what is on the disk alone the station comes straight back over profile 3, and owes nothing to anybody."""
    settings, issued = duet.station.agent.flows.configuration.settings, len(duet.pki.issued)
    await duet.stop()
    await duet.start()
    events = duet.lives[-1].events
    assert [one.profile for one in events if isinstance(one, Connected)] == [3]
    assert not [one for one in events if isinstance(one, ConnectFailed)]
    assert duet.station.agent.flows.configuration.settings == settings
    assert duet.station.profile == 3
    for use in way.uses:
        await duet.assert_store_holds_good(use)
    assert duet.station.security.open_requests() == ()
    assert len(duet.pki.issued) == issued

"""What the rows of OCPP 2.0.1's own test cases of a station are made of: the station at work, a call, a RENEW."""

import hashlib
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any, Final

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from ocpp.v201 import call

from certs import UNTIL, Pki, csms_pki, v2g_pki
from chainpilot.pki.certificate import Certificate
from chainpilot.station import EvseSecurity, StoreConfig
from chainpilot.station.model import CertificateInfo, LeafCertificateType
from chainpilot.wire.version import OcppVersion
from csms201 import PASSWORD, STATION, Arrival, Csms201, Served201, csms201_at
from forge import forge
from stations import Running, running_station
from stores import enrol

__all__ = [
    "E_SUITES",
    "LATER",
    "R_SUITES",
    "Case",
    "Renewal",
    "at_work",
    "back",
    "certificate_of",
    "demand_key",
    "demand_tls",
    "fields",
    "get_variable",
    "hash_of",
    "listed",
    "network_profile",
    "own_certificate",
    "renew",
    "reset",
    "set_variable",
    "station_of",
    "successor",
    "trigger",
    "v2g",
]

LATER: Final = datetime(2026, 1, 1, tzinfo=UTC)
"""When renewed certificates begin: later than the first ones."""
E_SUITES: Final = ("ECDHE-ECDSA-AES128-GCM-SHA256", "ECDHE-ECDSA-AES256-GCM-SHA384")
R_SUITES: Final = ("AES128-GCM-SHA256", "AES256-GCM-SHA384")
"""The whitepaper's four suites of TLS 1.2, in OpenSSL's words."""
_TLS_13_SUITES: Final = ("TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256")


@cache
def v2g() -> Pki:
    """The V2G PKI of all cases."""
    return v2g_pki()


@cache
def back() -> Pki:
    """The PKI of the CSMS in all cases: its own certificate's, and its stations'."""
    return csms_pki()


def successor(old: Pki, common: str = "CSMS Root G2", *, signed: bool = True) -> Pki:
    """A PKI whose root `old`'s root has signed, or a stranger's."""
    root = forge(common, old.root if signed else None, ca=True, begin=LATER, end=UNTIL)
    middle = forge(f"{common} Sub1", root, ca=True, begin=LATER, end=UNTIL)
    return Pki(root, middle, forge(f"{common} Issuing", middle, ca=True, begin=LATER, end=UNTIL))


@dataclass
class Case:
    """A station that has come in and booted."""

    csms: Csms201
    running: Running
    station: Served201

    @property
    def security(self) -> EvseSecurity:
        """The station's store."""
        return self.running.station.security

    async def again(self) -> Served201:
        """The station, once it has come in and booted again."""
        self.station = await self.csms.station()
        return self.station

    async def reconnected(self) -> Served201:
        """The connection ends, and the station comes in and boots again."""
        await self.station.drop()
        return await self.again()


@asynccontextmanager
async def station_of(
    directory: Path,
    csms: Csms201,
    profile: int = 2,
    *,
    root: Pki | None = None,
    has_root: bool = True,
    has_client: bool = True,
    store: dict[str, Any] | None = None,
    clock: Any = None,
    **settings: Any,
) -> AsyncIterator[Running]:
    """A station at work that knows the CSMS by that profile, with what the profile needs; see StationConfig.

    Args:
        directory: of its store, and of its memory.
        csms: which it dials.
        profile: 1 to 3.
        root: whose root it trusts; None: that of `back`.
        has_root: whether it trusts any.
        has_client: whether it has a client certificate in profile 3.
        store: settings of its store.
        clock: its own, else the machine's.
        settings: of StationConfig.
    """
    trusted = root or back()
    config = StoreConfig(directory / "store", **(store or {}))

    def prepare(security: EvseSecurity) -> None:
        is_bare = not security.usable_leaves(LeafCertificateType.CSMS)
        if profile == 3 and has_client and is_bare:
            enrol(security, trusted, LeafCertificateType.CSMS, STATION)

    given: dict[str, Any] = {
        "password": PASSWORD,
        "security_profile": profile,
        "allow_insecure": profile == 1,
        "versions": (OcppVersion.V201,),
        "serial_number": STATION,
        "state_dir": directory / "state",
        "profile_urls": {each: csms.url(each) for each in (1, 2, 3) if each != profile},
    }
    (directory / "state").mkdir(exist_ok=True)
    async with running_station(
        directory / "store",
        csms.url(profile),
        v2g(),
        trusted if has_root else None,
        clock=clock,
        store=config,
        prepare=prepare,
        **{**given, **settings},
    ) as running:
        yield running


@asynccontextmanager
async def at_work(directory: Path, profile: int = 2, **options: Any) -> AsyncIterator[Case]:
    """A CSMS, and a station that has come in and booted; `options` are `station_of`'s."""
    async with csms201_at(directory, back()) as csms:
        clock = options.get("clock")
        if clock is not None:
            csms.now = clock.now
        async with station_of(directory, csms, profile, **options) as running:
            yield Case(csms, running, await csms.station())


async def set_variable(station: Served201, component: str, variable: str, value: str) -> str:
    """SetVariables of one; its status."""
    wanted = {"component": {"name": component}, "variable": {"name": variable}, "attribute_value": value}
    answer = await station.ask(call.SetVariables([wanted]))
    (result,) = answer.set_variable_result
    status: str = result["attribute_status"]
    return status


async def get_variable(station: Served201, component: str, variable: str) -> str:
    """GetVariables of one, which is Accepted; its value."""
    asked = {"component": {"name": component}, "variable": {"name": variable}}
    answer = await station.ask(call.GetVariables([asked]))
    (result,) = answer.get_variable_result
    assert result["attribute_status"] == "Accepted"
    value: str = result["attribute_value"]
    return value


async def network_profile(station: Served201, slot: int, url: str, profile: int) -> str:
    """SetNetworkProfile for OCPP 2.0.1 over JSON; its status."""
    data = {
        "ocpp_version": "OCPP20",
        "ocpp_transport": "JSON",
        "ocpp_csms_url": url,
        "message_timeout": 30,
        "security_profile": profile,
        "ocpp_interface": "Wired0",
    }
    answer = await station.ask(call.SetNetworkProfile(slot, data))
    status: str = answer.status
    return status


async def listed(station: Served201, *types: str) -> list[tuple[str, dict[str, str]]] | None:
    """GetInstalledCertificateIds: type and hash data of each entry; None: NotFound, and no list."""
    answer = await station.ask(call.GetInstalledCertificateIds(list(types) or None))
    if answer.status == "NotFound":
        assert answer.certificate_hash_data_chain is None
        return None
    assert answer.status == "Accepted"
    return [(one["certificate_type"], one["certificate_hash_data"]) for one in answer.certificate_hash_data_chain]


def hash_of(certificate: Certificate, issuer: Certificate | None = None, algorithm: str = "SHA256") -> dict[str, str]:
    """CertificateHashDataType (OCPP 2.0.1 part 2) in the library's spelling, by nothing but `cryptography`."""
    subject = x509.load_der_x509_certificate(certificate.der)
    key = x509.load_der_x509_certificate((issuer or certificate).der).public_key()
    if isinstance(key, ec.EllipticCurvePublicKey):
        bits = key.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    else:
        bits = key.public_bytes(Encoding.DER, PublicFormat.PKCS1)
    digest = algorithm.lower()
    return {
        "hash_algorithm": algorithm,
        "issuer_name_hash": hashlib.new(digest, subject.issuer.public_bytes()).hexdigest(),
        "issuer_key_hash": hashlib.new(digest, bits).hexdigest(),
        "serial_number": f"{subject.serial_number:x}",
    }


async def trigger(station: Served201, wanted: str = "SignChargingStationCertificate") -> str:
    """TriggerMessage; its status."""
    answer = await station.ask(call.TriggerMessage(wanted))
    status: str = answer.status
    return status


async def reset(station: Served201) -> None:
    """Reset OnIdle, which is accepted."""
    answer = await station.ask(call.Reset("OnIdle"))
    assert answer.status == "Accepted"


@dataclass(frozen=True)
class Renewal:
    """What a RENEW came to."""

    csr: str
    chain: str
    status: str
    """Of CertificateSigned's answer."""


async def renew(
    case: Case,
    pki: Pki | None = None,
    *,
    use: str = "ChargingStationCertificate",
    sign: Callable[[str], str] | None = None,
) -> Renewal:
    """RENEW, or the same for another use: triggered, asked, signed by that PKI and sent.

    The station's answer to CertificateSigned is for the caller to judge.
    """
    signer = pki or back()
    wanted = {"ChargingStationCertificate": "SignChargingStationCertificate", "V2GCertificate": "SignV2GCertificate"}
    assert await trigger(case.station, wanted[use]) == "Accepted"
    asked = await case.csms.until("SignCertificate")
    assert asked.payload["certificateType"] == use
    csr: str = asked.payload["csr"]
    chain = sign(csr) if sign is not None else signer.enrol(csr, begin=LATER)
    answer = await case.station.ask(call.CertificateSigned(chain, use))
    return Renewal(csr, chain, answer.status)


def certificate_of(pem: str) -> x509.Certificate:
    """The first certificate of a PEM stack."""
    return x509.load_pem_x509_certificates(pem.encode())[0]


def own_certificate(security: EvseSecurity) -> CertificateInfo:
    """The client certificate that the station uses now."""
    info = security.get_leaf_certificate_info(LeafCertificateType.CSMS).info
    assert info is not None
    return info


def demand_key(key: Any) -> None:
    """KEY: RSA of at least 2048 bits, or a curve of at least 224 (A00.FR.501, 502)."""
    assert isinstance(key, rsa.RSAPublicKey | ec.EllipticCurvePublicKey)
    assert key.key_size >= (2048 if isinstance(key, rsa.RSAPublicKey) else 224)


def demand_tls(arrival: Arrival) -> None:
    """TLS 1.2 with one of the whitepaper's suites, or TLS 1.3, whose suites are all as good."""
    suites = {"TLSv1.2": (*E_SUITES, *R_SUITES), "TLSv1.3": _TLS_13_SUITES}
    assert arrival.tls_version is not None
    assert arrival.cipher in suites[arrival.tls_version]


def fields(name: x509.Name) -> dict[str, str]:
    """A subject's attributes by their short names."""
    return {one.rfc4514_attribute_name: str(one.value) for one in name}

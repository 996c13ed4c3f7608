"""What is refused before it becomes a call, so that whoever wants it hears at once why it can't be.

Whether the station can do it is the station's to say.
"""

import base64
import binascii
from datetime import datetime
from typing import Final
from urllib.parse import urlsplit

from chainpilot.cpms.calls.native import messages
from chainpilot.cpms.model import CallId, Enrolment, StationRecord
from chainpilot.cpms.model.demands import (
    ChangeConfiguration,
    ChangePassword,
    DeleteCertificate,
    Demand,
    GetInstalledCertificateIds,
    GetLog,
    InstallCertificate,
    SendCertificate,
    SetNetworkProfile,
    SetVariables,
    SignedUpdateFirmware,
    TriggerMessage,
    VariableValue,
)
from chainpilot.cpms.ports import RootStanding
from chainpilot.errors import OwnError
from chainpilot.pki.certificate import Certificate, CertificateError, load_certificates
from chainpilot.pki.encoding import EncodingError
from chainpilot.pki.identity import StationId
from chainpilot.pki.profiles import ROOT_CA, lint
from chainpilot.pki.trust import TrustDomain
from chainpilot.wire.pnc.words import CertificateUse
from chainpilot.wire.schema import UnwritableMessageError, write_message

__all__ = ["DemandRefused", "judge"]

_DOMAINS: Final = {
    CertificateUse.V2G_ROOT_CERTIFICATE: TrustDomain.V2G,
    CertificateUse.MO_ROOT_CERTIFICATE: TrustDomain.MO,
    CertificateUse.CSMS_ROOT_CERTIFICATE: TrustDomain.CSMS,
    CertificateUse.MANUFACTURER_ROOT_CERTIFICATE: TrustDomain.MF,
}
_ROOTS: Final = frozenset(
    {
        CertificateUse.V2G_ROOT_CERTIFICATE,
        CertificateUse.MO_ROOT_CERTIFICATE,
        CertificateUse.CSMS_ROOT_CERTIFICATE,
        CertificateUse.MANUFACTURER_ROOT_CERTIFICATE,
        CertificateUse.OEM_ROOT_CERTIFICATE,
    }
)
_ANY_ID: Final = CallId(1)
"""Stands for the requestId of a message that is only tried out."""


class DemandRefused(OwnError):
    """Something can't be wanted of the station; nothing was written. `why`: a sentence with the remedy."""

    def __init__(self, station_id: StationId, why: str) -> None:
        self.station_id = station_id
        self.why = why
        super().__init__(f"not asked of the station {station_id}: {why}")


def judge(
    demand: Demand,
    station: StationRecord,
    enrolment: Enrolment | None,
    at: datetime,
    *,
    allow_test_pki: bool = False,
    roots: RootStanding | None = None,
) -> str | None:
    """Why it is refused, as a sentence; None if it is not.

    Args:
        demand: what is wanted.
        station: of whom.
        enrolment: the one that the demand names, if it names one and it exists.
        at: the present moment, UTC.
        allow_test_pki: roots that anybody may hold the keys of are wanted, too.
        roots: what was decided about roots; None: nothing.
    """
    match demand:
        case InstallCertificate():
            return _judge_root(demand, at, allow_test_pki=allow_test_pki, roots=roots)
        case DeleteCertificate():
            return _judge_deletion(demand)
        case SendCertificate():
            return _judge_enrolment(enrolment, station)
        case ChangePassword():
            colon = "its id holds a colon, where HTTP Basic ends the user name (RFC 7617), so no password can let it in"
            return colon if ":" in station.station_id else None
        case TriggerMessage() | GetInstalledCertificateIds():
            return None
        case _:
            return _judge_setting(demand, station) or _judge_writing(demand) or _judge_files(demand, at)


def _judge_root(
    demand: InstallCertificate, at: datetime, *, allow_test_pki: bool, roots: RootStanding | None
) -> str | None:
    if demand.certificate_type not in _ROOTS:
        return f"InstallCertificate installs roots, and {demand.certificate_type.value} is none"
    certificate = _only(demand.certificate)
    if isinstance(certificate, str):
        return certificate
    found = lint(certificate, ROOT_CA)
    if found:
        return f"the certificate can't be a root: {found[0].detail}"
    if certificate.is_test and not allow_test_pki:
        return (
            "the certificate belongs to a test PKI, whose keys anybody may hold; only [trust] allow_test_pki admits it"
        )
    domain = _DOMAINS.get(demand.certificate_type)
    if roots is not None and domain is not None and (why := roots.objection_to_root(certificate, domain)) is not None:
        return f"the certificate is no anchor of ours: {why}"
    return _judge_times(certificate, at)


def _judge_times(certificate: Certificate, at: datetime) -> str | None:
    if at > certificate.not_after:
        return f"the certificate has expired ({certificate.not_after.isoformat()})"
    if at < certificate.not_before:
        return f"the certificate is valid from {certificate.not_before.isoformat()} on only"
    return None


def _only(text: str) -> Certificate | str:
    """The one certificate in the text, or what is wrong with it."""
    try:
        found = load_certificates(text)
    except (CertificateError, EncodingError) as error:
        return f"the certificate can't be read: {error}"
    return found[0] if len(found) == 1 else f"one certificate is wanted, and there are {len(found)}"


def _judge_deletion(demand: DeleteCertificate) -> str | None:
    if (demand.certificate is None) == (demand.certificate_hash_data is None):
        return "name the certificate either by itself or by its hash data"
    if demand.certificate is None:
        return None
    certificate = _only(demand.certificate)
    if isinstance(certificate, str):
        return certificate
    if certificate.issuer_der != certificate.subject_der:
        return "hash data hold the issuer's key, which this certificate does not: name it by its hash data"
    return None


def _judge_enrolment(enrolment: Enrolment | None, station: StationRecord) -> str | None:
    if enrolment is None or enrolment.slot.station_id != station.station_id:
        return "the station has no such enrolment"
    if enrolment.chain is None:
        return f"the enrolment has no certificate yet; it is {enrolment.state.value}"
    return None


def _judge_setting(demand: Demand, station: StationRecord) -> str | None:
    """Passwords are ChangePassword's to set, and a security profile is never lowered over OCPP (A00.005)."""
    match demand:
        case ChangeConfiguration() if not demand.key.strip():
            return "the key has no name"
        case ChangeConfiguration() if demand.key.lower() == "authorizationkey":
            return "a password is made here and never told to anybody: use ChangePassword"
        case ChangeConfiguration() if demand.key.lower() == "securityprofile":
            return _judge_profile(demand.value, station)
        case SetVariables():
            return next(filter(None, (_judge_variable(one, station) for one in demand.variables)), None)
        case SetNetworkProfile():
            return _judge_profile(str(demand.connection_data.security_profile), station)
        case _:
            return None


def _judge_variable(one: VariableValue, station: StationRecord) -> str | None:
    match one.name.variable.lower():
        case "basicauthpassword":
            return "a password is made here and never told to anybody: use ChangePassword"
        case "securityprofile":
            return _judge_profile(one.value, station)
        case _:
            return None


def _judge_profile(value: str, station: StationRecord) -> str | None:
    if value not in {"0", "1", "2", "3"}:
        return "a security profile is 0, 1, 2 or 3"
    if int(value) < station.minimum_profile:
        lowest = station.minimum_profile.value
        return f"a security profile is never lowered over OCPP; the station's record demands at least {lowest}"
    return None


def _judge_writing(demand: Demand) -> str | None:
    """The schema's limits; they are the same in every version that has the message."""
    if isinstance(
        demand,
        TriggerMessage
        | InstallCertificate
        | DeleteCertificate
        | GetInstalledCertificateIds
        | SendCertificate
        | ChangePassword,
    ):
        return None
    for message in messages(demand, _ANY_ID).values():
        try:
            write_message(message)
        except UnwritableMessageError as error:
            return error.why
    return None


def _is_url(text: str) -> bool:
    try:
        parts = urlsplit(text)
    except ValueError:
        return False
    return bool(parts.scheme and parts.netloc)


def _judge_files(demand: Demand, at: datetime) -> str | None:
    if not isinstance(demand, GetLog | SignedUpdateFirmware):
        return None
    where = demand.remote_location if isinstance(demand, GetLog) else demand.location
    if not _is_url(where):
        return "its location is no URL: a scheme, ://, and a host are wanted"
    if any(number is not None and number < 0 for number in (demand.retries, demand.retry_interval)):
        return "retries and the seconds between them are not negative"
    return _judge_span(demand) if isinstance(demand, GetLog) else _judge_image(demand, at)


def _judge_span(demand: GetLog) -> str | None:
    oldest, latest = demand.oldest_timestamp, demand.latest_timestamp
    return "the log's end lies before its beginning" if oldest and latest and latest < oldest else None


def _judge_image(demand: SignedUpdateFirmware, at: datetime) -> str | None:
    certificate = _only(demand.signing_certificate)
    if isinstance(certificate, str):
        return f"the image's signing certificate: {certificate}"
    try:
        base64.b64decode(demand.signature, validate=True)
    except (binascii.Error, ValueError):
        return "the image's signature is not base64"
    times = _judge_times(certificate, at)
    return f"the image's signing certificate: {times}" if times else None

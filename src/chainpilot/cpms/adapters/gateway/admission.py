"""Who is connecting, and may it? Decided before there is a socket; everything looked at comes from outside.

The identity is the last segment of the path, proved by a password (profiles 1 and 2) or by a client certificate whose
path TLS has validated (profile 3); on profile 0 it is believed. How many may knock at once is `tls`'s to bound.
"""

import base64
import binascii
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import unquote_to_bytes

from chainpilot.cpms.model import SecurityProfile, StationRecord
from chainpilot.cpms.passwords import PasswordChecker, PasswordVerdict
from chainpilot.cpms.ports import ClientStanding, Ledger
from chainpilot.pki.certificate import Certificate, CertificateError, load_certificate
from chainpilot.pki.identity import IdentityError, StationId, parse_station_id

__all__ = ["Admitted", "Attempt", "Gatekeeper", "TurnedAway", "basic_credentials", "station_of_path"]

_MAX_HEADER: Final = 512
"""Characters of an Authorization header read: 48 of a station id and 128 of a password in base64, and then some."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """What a connecting peer showed."""

    path: str
    authorization: str | None
    certificate: bytes | None
    """DER of the client certificate, validated by TLS; None on listeners that ask for none."""
    address: str
    profile: SecurityProfile


@dataclass(frozen=True, slots=True)
class Admitted:
    """A station that may come in."""

    station: StationRecord
    profile: SecurityProfile
    fingerprint: str | None
    """Of its client certificate."""
    new_password_hash: str | None = field(default=None, repr=False)
    """That of the password it came in with, if that was one on offer and is not its password yet."""


@dataclass(frozen=True, slots=True)
class TurnedAway:
    """The peer gets the status and nothing else; the log gets the reason."""

    status: int
    why: str
    station_id: StationId | None = None


def station_of_path(path: str) -> StationId:
    """The station named by the last segment of a request's path. Raises IdentityError."""
    segment = path.partition("?")[0].rpartition("/")[2]
    try:
        return parse_station_id(unquote_to_bytes(segment).decode("utf-8"))
    except UnicodeDecodeError as error:
        raise IdentityError("the station id is not UTF-8") from error


def basic_credentials(header: str | None) -> tuple[str, str] | None:
    """User name and password of an Authorization header (RFC 7617); None if it holds none we read.

    What is not UTF-8 is read as Latin-1: a station of OCPP 1.6 may send the bytes that its AuthorizationKey spells.
    """
    if header is None or len(header) > _MAX_HEADER:
        return None
    scheme, _, encoded = header.partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        given = base64.b64decode(encoded.strip(), validate=True)
    except (binascii.Error, ValueError):
        return None
    try:
        text = given.decode("utf-8")
    except UnicodeDecodeError:
        text = given.decode("latin-1")
    user, colon, password = text.partition(":")
    return (user, password) if colon else None


class Gatekeeper:
    """Judges attempts against the stations' records."""

    def __init__(self, ledger: Ledger, passwords: PasswordChecker, clients: ClientStanding | None = None) -> None:
        self._ledger = ledger
        self._clients = clients
        self._passwords = passwords

    async def judge(self, attempt: Attempt) -> Admitted | TurnedAway:
        """Judge one attempt.

        1. the path ends in a station id
        2. profiles 1 and 2: the basic user name is that id, and the password is right
        3. profile 3: the certificate's CN is that id, its O the operator of the station's record, and nobody says that
           it was revoked
        4. the station is known, and has not reached a higher profile than this listener's

        An unknown station costs what a wrong password does, one scrypt, and gets the same answer. Raises LedgerFailed.
        """
        try:
            station_id = station_of_path(attempt.path)  # 1
        except IdentityError as error:
            return TurnedAway(401, error.why)
        record = await self._ledger.station(station_id)
        fingerprint = new_password_hash = None
        if attempt.profile is SecurityProfile.MUTUAL_TLS:
            judged = await self._judge_certificate(attempt.certificate, station_id, record)  # 3
            if isinstance(judged, TurnedAway):
                return judged
            fingerprint = judged.fingerprint
        elif attempt.profile.has_password:
            password = await self._judge_password(attempt, station_id, record)  # 2
            if isinstance(password, TurnedAway):
                return password
            new_password_hash = self._passwords.matching(record.next_password_hashes, password) if record else None
        if record is None:  # 4
            return TurnedAway(401, "no such station", station_id)
        if attempt.profile < record.minimum_profile:
            why = f"security profile {attempt.profile.value}; the station has reached {record.minimum_profile.value}"
            return TurnedAway(401, why, station_id)
        return Admitted(record, attempt.profile, fingerprint, new_password_hash)

    async def _judge_certificate(
        self, der: bytes | None, station_id: StationId, record: StationRecord | None
    ) -> Certificate | TurnedAway:
        judged = _judge_certificate(der, station_id, record)
        if isinstance(judged, TurnedAway) or self._clients is None:
            return judged
        revoked = await self._clients.revoked(judged)
        if revoked is None:
            return judged
        return TurnedAway(401, f"the client certificate was revoked: {revoked}", station_id)

    async def _judge_password(
        self, attempt: Attempt, station_id: StationId, record: StationRecord | None
    ) -> str | TurnedAway:
        """The password that was right."""
        credentials = basic_credentials(attempt.authorization)
        if credentials is None:
            return TurnedAway(401, "no readable basic credentials", station_id)
        user, password = credentials
        known = record if user == station_id else None
        stored, offered = (known.password_hash, known.next_password_hashes) if known else (None, ())
        verdict = await self._passwords.check(station_id, attempt.address, stored, password, offered)
        if verdict is PasswordVerdict.TOO_OFTEN:
            return TurnedAway(429, "too many attempts", station_id)
        if verdict is PasswordVerdict.WRONG:
            return TurnedAway(401, "wrong password, user name or station", station_id)
        return password


def _judge_certificate(
    der: bytes | None, station_id: StationId, record: StationRecord | None
) -> Certificate | TurnedAway:
    if der is None:
        return TurnedAway(401, "no client certificate", station_id)
    try:
        certificate = load_certificate(der)
    except CertificateError as error:
        return TurnedAway(401, f"unreadable client certificate: {error.why}", station_id)
    subject = certificate.subject
    if subject.common_name != station_id:
        return TurnedAway(401, f"the client certificate is {subject.common_name}'s", station_id)
    if record is not None and subject.organization != record.organisation:
        why = f"the client certificate names the operator {subject.organization}, the record {record.organisation}"
        return TurnedAway(401, why, station_id)
    return certificate

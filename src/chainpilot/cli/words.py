"""The words of the command: names, times and usages as people read them, foreign text made harmless for a terminal."""

from datetime import UTC, datetime, timedelta
from typing import Final

from chainpilot.pki.extensions import EkuOid, KeyUsageBit
from chainpilot.pki.identity import DistinguishedName, Name

__all__ = [
    "MAX_PATH_LENGTH",
    "day",
    "ending",
    "iso",
    "moment",
    "name_words",
    "parse_time",
    "plain",
    "short_name",
    "usage_word",
    "usages",
]

_ATTRIBUTES: Final = {
    "2.5.4.3": "CN",
    "2.5.4.5": "serialNumber",
    "2.5.4.6": "C",
    "2.5.4.7": "L",
    "2.5.4.8": "ST",
    "2.5.4.10": "O",
    "2.5.4.11": "OU",
    "0.9.2342.19200300.100.1.1": "UID",
    "0.9.2342.19200300.100.1.25": "DC",
    "1.2.840.113549.1.9.1": "emailAddress",
}
"""Short forms of RFC 4514 section 3 and X.520."""
_PURPOSES: Final = {
    EkuOid.SERVER_AUTH.value: "serverAuth",
    EkuOid.CLIENT_AUTH.value: "clientAuth",
    EkuOid.OCSP_SIGNING.value: "OCSPSigning",
    EkuOid.ANY.value: "anyExtendedKeyUsage",
    "1.3.6.1.5.5.7.3.3": "codeSigning",
    "1.3.6.1.5.5.7.3.4": "emailProtection",
    "1.3.6.1.5.5.7.3.8": "timeStamping",
}
_SPECIAL: Final = frozenset(',+"\\<>;')
MAX_PATH_LENGTH: Final = 999
"""Path lengths told as they are: no chain is longer, and a number of ten thousand digits can't be written down."""
_YEARS_FROM: Final = 731
"""Days from which on years are told: nobody counts a thousand days."""


def plain(text: str) -> str:
    """The text with everything that could steer a terminal, or that nobody sees, written as an escape."""
    return "".join(one if one.isprintable() else one.encode("unicode_escape").decode() for one in text)


def name_words(name: Name) -> str:
    """Every attribute of a distinguished name in its own order, `CN=..., O=...`, special characters escaped."""
    return ", ".join(
        "+".join(f"{_ATTRIBUTES.get(oid, oid)}={_escaped(text)}" for oid, text in sorted(relative)) for relative in name
    )


def short_name(subject: DistinguishedName) -> str:
    """What people call it: the common name, else the organization."""
    return plain(subject.common_name or subject.organization or "nobody named")


def usages(bits: frozenset[KeyUsageBit]) -> list[str]:
    """Key usages as RFC 5280 writes them, in the order of their bits."""
    return [_camel(bit.name) for bit in sorted(bits, key=lambda bit: bit.value)]


def usage_word(oid: str) -> str:
    """An extended key usage by name, or dotted."""
    return _PURPOSES.get(oid, oid)


def iso(at: datetime) -> str:
    """For programs: ISO 8601 in UTC, whole seconds."""
    return at.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="seconds") + "Z"


def day(at: datetime) -> str:
    """For people: the day, as in 6 Jan 2027."""
    moment_utc = at.astimezone(UTC)
    return f"{moment_utc.day} {moment_utc:%b} {moment_utc.year}"


def moment(at: datetime) -> str:
    """For people: day and time of day in UTC, seconds only where there are any."""
    moment_utc = at.astimezone(UTC)
    return f"{day(at)} {moment_utc:%H:%M:%S}" if moment_utc.second else f"{day(at)} {moment_utc:%H:%M}"


def ending(begin: datetime, end: datetime, at: datetime) -> str:
    """How far it is to the end of a validity, or to its begin: `ends in 43 days (6 Jan 2027)`."""
    if at < begin:
        return f"begins in {_span(begin - at)} ({day(begin)})"
    if at > end:
        return f"ended {_span(at - end)} ago ({day(end)})"
    return f"ends in {_span(end - at)} ({day(end)})"


def _span(gap: timedelta) -> str:
    if gap.days >= _YEARS_FROM:
        return f"{gap.days // 365.25:.0f} years"
    if gap.days >= 1:
        return f"{gap.days} day{'s' if gap.days > 1 else ''}"
    hours, minutes = gap.seconds // 3600, gap.seconds // 60
    if hours:
        return f"{hours} hour{'s' if hours > 1 else ''}"
    return f"{minutes} minute{'' if minutes == 1 else 's'}"


def _escaped(text: str) -> str:
    marked = "".join(f"\\{one}" if one in _SPECIAL else one for one in text)
    return plain(marked)


def _camel(name: str) -> str:
    """RFC 5280's own spelling of cRLSign is the one that follows no rule."""
    first, *others = name.lower().split("_")
    return "cRLSign" if first == "crl" else first + "".join(map(str.capitalize, others))


def parse_time(text: str) -> datetime:
    """An ISO 8601 time or day; UTC where it names no zone.

    Raises:
        ValueError: it is none, or lies outside the years 1 to 9999.
    """
    told = datetime.fromisoformat(text)
    try:
        return told.replace(tzinfo=UTC) if told.tzinfo is None else told.astimezone(UTC)
    except OverflowError as error:
        raise ValueError("outside the years 1 to 9999") from error

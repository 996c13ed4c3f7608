"""How the text of a setting is read, checked and written, by OCPP's data types and by what the value is for.

Which setting has which form is `keys`'; network profiles have more rules, which are `networks`'.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from chainpilot.pki.identity import DistinguishedName, IdentityError, is_evseid, is_seccid
from chainpilot.station.agent.settings.refusals import ReasonCode, SettingRefused
from chainpilot.station.model import Secret

__all__ = [
    "ANY_PASSWORD",
    "BASIC_AUTH_PASSWORD",
    "BOOLEAN",
    "COUNTRY",
    "HEX_PASSWORD",
    "MAX_SECONDS",
    "NOT_SET",
    "ORGANISATION",
    "SECC_ID",
    "SLOTS",
    "TEXT",
    "WORDS",
    "Form",
    "is_authorization_key",
    "whole",
]

MAX_SECONDS: Final = 31_536_000
"""A year. OCPP has no bound; this one keeps every sum of waits within the calendar."""
NOT_SET: Final = ""
"""What tells that a value is not there."""
_MAX_DIGITS: Final = 10
"""Of a number: those of OCPP's 32-bit integer."""
_HEX: Final = re.compile(r"(?:[0-9A-Fa-f]{2}){16,20}")
"""16 to 20 whole bytes (security whitepaper, AuthorizationKey)."""
_IDENTIFIER_STRING: Final = re.compile(r"[A-Za-z0-9*\-_=:+|@.]{16,40}")
"""OCPP 2.0.1 part 2, BasicAuthPassword and identifierString."""
_COUNTRY: Final = re.compile(r"[A-Z]{2}")
_MAX_SLOTS: Final = 100
"""Entries of a list of slots that are read at all; far more than there are slots."""


@dataclass(frozen=True, slots=True)
class Form:
    """A pair: what was written reads as the same value again."""

    read: Callable[[str], Any]
    """The value of a text. Raises SettingRefused."""
    write: Callable[[Any], str]
    """The text of a value."""


def whole(low: int, high: int) -> Form:
    """A decimal number from `low` to `high`, both included; `low` is not negative."""

    def read(text: str) -> int:
        if re.fullmatch(rf"-[0-9]{{1,{_MAX_DIGITS}}}", text):
            raise SettingRefused(ReasonCode.VALUE_OUT_OF_RANGE, f"a negative number; {low} to {high} are possible")
        if not re.fullmatch(rf"[0-9]{{1,{_MAX_DIGITS}}}", text):
            raise SettingRefused(ReasonCode.INVALID_VALUE, f"no whole number; {low} to {high} are possible")
        if not low <= int(text) <= high:
            raise SettingRefused(ReasonCode.VALUE_OUT_OF_RANGE, f"{low} to {high} are possible")
        return int(text)

    return Form(read, _written_number)


def _written_number(value: int | None) -> str:
    return NOT_SET if value is None else str(value)


def _read_boolean(text: str) -> bool:
    """In either case: stations and CSMSs of 1.6 write True, too."""
    match text.lower():
        case "true":
            return True
        case "false":
            return False
        case _:
            raise SettingRefused(ReasonCode.INVALID_VALUE, "true and false are possible")


def _read_organisation(text: str) -> str:
    if not text.strip():
        raise SettingRefused(ReasonCode.INVALID_VALUE, "it is blank, and becomes O of a signing request")
    if not text.isprintable():
        raise SettingRefused(ReasonCode.INVALID_VALUE, "it has characters that can't be printed")
    try:
        DistinguishedName(organization=text).to_name()
    except IdentityError as error:
        why = "it becomes O of a signing request, which has at most 64 characters (RFC 5280)"
        raise SettingRefused(ReasonCode.INVALID_VALUE, why) from error
    return text


def _read_country(text: str) -> str:
    if not _COUNTRY.fullmatch(text):
        raise SettingRefused(ReasonCode.INVALID_VALUE, "a country is two capital letters (ISO 3166-1)")
    return text


def _read_secc_id(text: str) -> str:
    if not (is_evseid(text) or is_seccid(text)):
        why = "neither an EVSEID such as DE*ABC*E123*1 nor a SECCID of 39 to 64 characters"
        raise SettingRefused(ReasonCode.INVALID_VALUE, why)
    return text


def is_authorization_key(text: str) -> bool:
    """Whether it is an AuthorizationKey of 1.6."""
    return _HEX.fullmatch(text) is not None


def _read_hex_password(text: str) -> Secret:
    if not is_authorization_key(text):
        why = "a password is 32 to 40 hex digits, two for each of 16 to 20 bytes"
        raise SettingRefused(ReasonCode.INVALID_VALUE, why)
    return Secret(text)


def _read_basic_auth_password(text: str) -> Secret:
    if not _IDENTIFIER_STRING.fullmatch(text):
        why = "a password has 16 to 40 characters out of letters, digits and *-_=:+|@."
        raise SettingRefused(ReasonCode.INVALID_VALUE, why)
    return Secret(text)


def _read_slots(text: str) -> tuple[int, ...]:
    parts = text.split(",", _MAX_SLOTS)
    if not all(re.fullmatch(r" *[0-9]{1,4} *", part) for part in parts):
        raise SettingRefused(ReasonCode.INVALID_VALUE, "slots are numbers with commas between them")
    slots = tuple(map(int, parts))
    if len(set(slots)) != len(slots):
        raise SettingRefused(ReasonCode.INVALID_VALUE, "a slot stands in the list twice")
    return slots


def _written_slots(slots: tuple[int, ...]) -> str:
    return ",".join(map(str, slots))


def _written_boolean(value: object) -> str:
    return "true" if value else "false"


def _revealed(password: Secret) -> str:
    """For the agent's own memory; no answer is written with it."""
    return password.value


BOOLEAN: Final = Form(_read_boolean, _written_boolean)
TEXT: Final = Form(str, str)
WORDS: Final = Form(lambda text: tuple(text.split(",")), ",".join)
"""With commas between them."""
ORGANISATION: Final = Form(_read_organisation, str)
"""O of a signing request (RFC 5280 ub-organization-name)."""
COUNTRY: Final = Form(_read_country, str)
"""C of a signing request."""
SECC_ID: Final = Form(_read_secc_id, str)
"""CN of a SECC certificate."""
HEX_PASSWORD: Final = Form(_read_hex_password, _revealed)
"""1.6's. The digits are kept: the bytes that they spell are sent, and the digits where a CSMS wants them instead."""
BASIC_AUTH_PASSWORD: Final = Form(_read_basic_auth_password, _revealed)
"""2.0.1's."""
ANY_PASSWORD: Final = Form(Secret, _revealed)
"""One that was checked when it came."""
SLOTS: Final = Form(_read_slots, _written_slots)
"""NetworkConfigurationPriority."""

"""The schemas of OCPP 2.0 (2018), which dialect H ports back, and where H departs from them.

They lie in a version of PyPI's `ocpp` that can't share an environment with the one we test against; `make dev` puts it
beside, under `ocpp20` in `.venv`. Row numbers are those of pnc-messages.md section 3. The schemas say "additional
properties: true" everywhere; here they are closed, so that a misspelt name is no member nobody asked about.
"""

import json
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft6Validator

__all__ = ["DEPARTURES", "Departure", "breach", "is_in_ocpp20"]

FOLDER = Path(sys.prefix, "ocpp20", "ocpp", "v20", "schemas")
RENAMED = {"ExtendedTriggerMessage": "TriggerMessage"}
"""Row 3: what H takes from the whitepaper's message, OCPP 2.0 has in its own."""

Change = Callable[[Any], Any]


@dataclass(frozen=True)
class Departure:
    """One place where what we write isn't what the schema says, and why that is meant."""

    row: int
    message: str
    """The schema's name, such as `AuthorizeRequest`."""
    place: str
    """Names of members from the schema's top to what is changed, with slashes."""
    change: Change
    why: str

    def __str__(self) -> str:
        return f"row{self.row}-{self.message}-{self.place}"


def more(*words: str) -> Change:
    return lambda said: [*said, *words]


def less(*words: str) -> Change:
    return lambda said: [word for word in said if word not in words]


def up_to(limit: int) -> Change:
    return lambda _: limit


def besides(**members: object) -> Change:
    return lambda said: {**said, **members}


def one_of_them(array: Any) -> Any:
    return array["items"]


SERIAL = "a serial number has up to 20 octets (RFC 5280 section 4.1.2.2), 40 digits"
ENCODED = "a leaf has about 1000 hex digits, a chain of three 2200 characters of PEM, a CSR of P-521 900 hex digits"
SPELT = "written as every other version spells it; the schema's misspelling where a station asks for it"
ASKED, HASHES = "definitions/OCSPRequestDataType", "definitions/CertificateHashDataType"

DEPARTURES = (
    Departure(
        1,
        "TriggerMessageRequest",
        "definitions/MessageTriggerEnumType/enum",
        more("SignV2GCertifcate"),
        "the text's own misspelling, only to a station that knows no other",
    ),
    Departure(2, "InstallCertificateRequest", "properties/certificateType/enum", more("V2GRootCertificate"), SPELT),
    Departure(
        2, "GetInstalledCertificateIdsRequest", "properties/typeOfCertificate/enum", more("V2GRootCertificate"), SPELT
    ),
    Departure(4, "CertificateSignedRequest", "properties/cert", one_of_them, "the text has one string, leaf first"),
    Departure(6, "SignCertificateRequest", "properties/csr/maxLength", up_to(5_500), ENCODED),
    Departure(6, "CertificateSignedRequest", "properties/cert/maxLength", up_to(10_000), ENCODED),
    Departure(6, "InstallCertificateRequest", "properties/certificate/maxLength", up_to(5_500), ENCODED),
    Departure(
        6,
        "Get15118EVCertificateResponse",
        "definitions/CertificateChainType/properties/certificate/maxLength",
        up_to(5_500),
        ENCODED,
    ),
    Departure(
        6,
        "Get15118EVCertificateResponse",
        "definitions/CertificateChainType/properties/childCertificate/items/maxLength",
        up_to(5_500),
        ENCODED,
    ),
    Departure(
        8,
        "InstallCertificateResponse",
        "properties/status/enum",
        more("Rejected", "Failed"),
        "the schema has the words for a contract's chain, and none for a store that is full",
    ),
    Departure(10, "AuthorizeRequest", f"{ASKED}/properties/serialNumber/maxLength", up_to(40), SERIAL),
    Departure(10, "DeleteCertificateRequest", f"{HASHES}/properties/serialNumber/maxLength", up_to(40), SERIAL),
    Departure(
        10, "GetInstalledCertificateIdsResponse", f"{HASHES}/properties/serialNumber/maxLength", up_to(40), SERIAL
    ),
    Departure(10, "GetCertificateStatusRequest", f"{ASKED}/properties/serialNumber/maxLength", up_to(40), SERIAL),
    Departure(
        11,
        "AuthorizeRequest",
        "properties",
        besides(certificate={"type": "string", "maxLength": 5_500}),
        "2.0.1's member for a chain that the station can't judge; the schema lets members pass that it doesn't name",
    ),
    Departure(
        14,
        "Get15118EVCertificateResponse",
        "required",
        less("contractSignatureCertificateChain", "saProvisioningCertificateChain"),
        "they stand in the EXI; sent where they are known",
    ),
    Departure(
        15,
        "Get15118EVCertificateResponse",
        "properties/exiResponse/maxLength",
        up_to(17_000),
        "a contract's chain and its encrypted key may need more; the PKI's answer goes on unchanged",
    ),
    Departure(
        16,
        "GetInstalledCertificateIdsRequest",
        "properties/typeOfCertificate/enum",
        more("V2GCertificateChain"),
        "OCPP 2.0 has no word for the SECC leaf",
    ),
)


def breach(side: str, action: str, content: object, without: Departure | None = None) -> str | None:
    """How the content of dialect H's message breaks OCPP 2.0's schema, every departure but one allowed; None: not.

    Args:
        side: `Request` or `Response`.
        action: H's messageId.
        content: what stands in `data`.
        without: the departure not to allow.
    """
    error = next(_validator(f"{RENAMED.get(action, action)}{side}", without).iter_errors(content), None)
    return None if error is None else f"{error.json_path}: {error.message}"


def is_in_ocpp20(side: str, action: str) -> bool:
    """Whether OCPP 2.0 has a schema for dialect H's message."""
    return f"{RENAMED.get(action, action)}{side}_v1p0.json" in _schemas()


@cache
def _schemas() -> dict[str, Path]:
    found = {path.name: path for path in FOLDER.glob("*_v1p0.json")}
    if not found:
        pytest.fail(f"OCPP 2.0's schemas aren't in {FOLDER}; `make dev` puts them there.")
    return found


@cache
def _validator(message: str, without: Departure | None) -> Draft6Validator:
    schema = json.loads(_schemas()[f"{message}_v1p0.json"].read_text(encoding="utf-8-sig"))
    for departure in DEPARTURES:
        if departure.message == message and departure is not without:
            *way, last = departure.place.split("/")
            place = schema
            for name in way:
                place = place[name]
            place[last] = departure.change(place.get(last))
    Draft6Validator.check_schema(schema)
    return Draft6Validator(_closed(schema))


def _closed(schema: Any) -> Any:
    if isinstance(schema, list):
        return [_closed(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    inner = {name: _closed(one) for name, one in schema.items()}
    return {**inner, "additionalProperties": False} if "properties" in schema else inner

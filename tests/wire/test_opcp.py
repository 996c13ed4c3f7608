"""The root pool's JSON: what reads, what is refused, and that a signature is of the very bytes."""

import base64
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chainpilot.pki.trust import TrustDomain
from chainpilot.wire.opcp import (
    MAX_EVENT,
    MAX_ROOTS,
    OpcpError,
    RootEventKind,
    is_signed,
    read_event,
    read_roots,
    rootcerts_path,
    signature_of,
)
from forge import forge

__all__: list[str] = []

ROOT = forge("V2G Root", ca=True).certificate
CROSS = forge("V2G Root", forge("Old Root", ca=True), ca=True).certificate
SECRET = "0123456789abcdef"


def text_of(der: bytes) -> str:
    """Base64."""
    return base64.b64encode(der).decode()


def collection(*entries: object) -> bytes:
    """An answer of rootCerts."""
    return json.dumps({"RootCertificateCollection": {"rootCertificates": list(entries)}}).encode()


def event(kind: str = "root.cert.added", event_id: Any = "e-1", **payload: object) -> bytes:
    """A webhook's body."""
    return json.dumps({"eventId": event_id, "eventType": kind, "payload": payload}).encode()


def test_roots_are_read_with_their_domain_and_their_cross_certificate() -> None:
    entry = {"caCertificate": text_of(ROOT.der), "crossCertificatePair": text_of(CROSS.der), "rootType": "V2G"}
    roots, faults = read_roots(collection(entry, {"caCertificate": text_of(ROOT.der), "rootType": "OEM"}))
    assert [(root.certificates, root.domain) for root in roots] == [((ROOT, CROSS), TrustDomain.V2G), ((ROOT,), None)]
    assert faults == ()


@pytest.mark.parametrize(
    "broken", [{}, {"caCertificate": ""}, {"caCertificate": "!!"}, {"caCertificate": "MAMC"}, 7, None]
)
def test_one_root_that_can_not_be_read_does_not_hide_the_others(broken: object) -> None:
    roots, faults = read_roots(collection(broken, {"caCertificate": text_of(ROOT.der), "rootType": "MO"}))
    assert [root.certificates for root in roots] == [(ROOT,)]
    assert len(faults) == 1
    assert faults[0].startswith("root 1: ")


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b'{"RootCertificateCollection": 1}', b"<html>", b"\xff"])
def test_what_is_no_collection_is_refused(body: bytes) -> None:
    with pytest.raises(OpcpError):
        read_roots(body)


def test_a_collection_is_bounded() -> None:
    entry = {"caCertificate": text_of(ROOT.der)}
    assert len(read_roots(collection(*[entry] * MAX_ROOTS))[0]) == MAX_ROOTS
    with pytest.raises(OpcpError, match="at most"):
        read_roots(collection(*[entry] * (MAX_ROOTS + 1)))


def test_the_path_names_the_type() -> None:
    assert rootcerts_path(TrustDomain.MO) == "/v1/root/rootCerts?rootType=MO"


@pytest.mark.parametrize("kind", RootEventKind)
def test_an_event_is_read_with_the_root_it_brings(kind: RootEventKind) -> None:
    read = read_event(event(kind.value, caCertificate=text_of(ROOT.der), rootType="V2G"))
    assert (read.event_id, read.kind, read.fingerprint) == ("e-1", kind, ROOT.fingerprint)
    assert read.root is not None
    assert read.root.domain is TrustDomain.V2G


def test_an_event_may_name_its_root_by_fingerprint_alone() -> None:
    printed = ":".join(ROOT.fingerprint[place : place + 2] for place in range(0, 64, 2)).upper()
    assert read_event(event(fingerprint=printed)).fingerprint == ROOT.fingerprint
    assert read_event(event(fingerprint="ab")).fingerprint is None


def test_an_event_of_something_else_has_no_kind() -> None:
    assert read_event(event("mo.prov.cert.deleted")).kind is None


@pytest.mark.parametrize("event_id", ["", "x" * 129, None, 7, "a\nb"])
def test_an_event_without_a_usable_id_is_refused(event_id: object) -> None:
    with pytest.raises(OpcpError, match="eventId"):
        read_event(event(event_id=event_id))


def test_an_event_is_bounded() -> None:
    body = event(filler="x" * (MAX_EVENT - len(event(filler=""))))
    assert read_event(body).event_id == "e-1"
    with pytest.raises(OpcpError):
        read_event(body + b" ")


@given(st.binary(max_size=200), st.text(min_size=1, max_size=40))
def test_the_signature_is_that_of_the_body_and_the_secret(body: bytes, secret: str) -> None:
    header = signature_of(body, secret)
    assert is_signed(body, header, secret)
    assert not is_signed(body + b" ", header, secret)
    assert not is_signed(body, header, secret + "x")


@pytest.mark.parametrize(
    "header", [None, "", "sha256=", "sha1=" + "0" * 40, "0" * 64, "sha256=" + "0" * 64, "sha256=" + "é" * 64]
)
def test_what_is_no_signature_is_none(header: str | None) -> None:
    assert not is_signed(b"body", header, SECRET)


def test_a_signature_in_capitals_is_one() -> None:
    digits = signature_of(b"body", SECRET).removeprefix("sha256=")
    assert is_signed(b"body", "sha256=" + digits.upper(), SECRET)


@given(
    st.one_of(
        st.binary(max_size=400),
        st.recursive(
            st.none() | st.booleans() | st.integers() | st.text(max_size=9),
            lambda inner: (
                st.lists(inner, max_size=3)
                | st.dictionaries(
                    st.sampled_from(
                        [
                            "eventId",
                            "eventType",
                            "payload",
                            "caCertificate",
                            "rootType",
                            "RootCertificateCollection",
                            "rootCertificates",
                        ]
                    ),
                    inner,
                    max_size=5,
                )
            ),
            max_leaves=12,
        ).map(lambda value: json.dumps(value).encode()),
    )
)
def test_no_bytes_escape_the_error_family(body: bytes) -> None:
    for read in (read_event, read_roots):
        try:
            read(body)
        except OpcpError:
            continue

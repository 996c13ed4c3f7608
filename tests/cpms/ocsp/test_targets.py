"""Which responders may be asked, whatever a station says."""

import pytest
from cryptography import x509
from cryptography.x509.oid import AuthorityInformationAccessOID
from hypothesis import given
from hypothesis import strategies as st

from chainpilot.cpms.model import Reason
from chainpilot.cpms.ocsp import Targets, UrlRefused, host_and_port, place_of
from chainpilot.pki.certificate import Certificate
from forge import forge

__all__: list[str] = []


def naming(url: str) -> Certificate:
    """A CA whose certificate names that responder."""
    access = x509.AccessDescription(AuthorityInformationAccessOID.OCSP, x509.UniformResourceIdentifier(url))
    return forge("Sub2", ca=True, extensions=((x509.AuthorityInformationAccess([access]), False),)).certificate


ISSUER = naming("http://ocsp.example.org/sub2")
FOREIGN = "http://ocsp.example.net/"


def url(named: str | None, targets: Targets | None = None, known: tuple[Certificate, ...] = (ISSUER,)) -> str:
    return (targets or Targets()).url(named, ISSUER, known)


@pytest.mark.parametrize(
    "named",
    [
        "http://ocsp.example.org/sub2",
        "http://ocsp.example.org/another/path?and=query",
        "http://OCSP.Example.ORG.:80",
    ],
)
def test_the_responders_that_known_certificates_name_are_asked(named: str) -> None:
    assert url(named) == named


@pytest.mark.parametrize(
    "named",
    [
        FOREIGN,
        "https://ocsp.example.org/sub2",
        "http://ocsp.example.org:8080/",
        "http://example.org/",
        "http://ocsp.example.org.evil.example/",
        "http://ocsp.example.org@evil.example/",
        "http://evil.example/#@ocsp.example.org",
        "http://ocsp.example.org#evil",
        "http://ocsp.example.org\\@evil.example/",
        "http://ocsp.example.org\t.evil.example/",
        "file:///etc/passwd",
        "ftp://ocsp.example.org/",
        "gopher://ocsp.example.org/",
        "//ocsp.example.org/",
        "ocsp.example.org",
        "http://",
        "http://[::1",
        "http://ocsp.example.org:0/",
        "http://ocsp.example.org:99999/",
        "http://127.0.0.1/",
        "http://[::ffff:127.0.0.1]/",
        "http://169.254.169.254/latest/meta-data",
        "",
        "http://öcsp.example.org/",
    ],
)
def test_no_other_place_is_asked(named: str) -> None:
    with pytest.raises(UrlRefused) as refused:
        url(named)
    assert refused.value.reason is Reason.OCSP_RESPONDER_NOT_ALLOWED


def test_a_certificate_that_names_a_strange_url_allows_nothing() -> None:
    with pytest.raises(UrlRefused):
        url(FOREIGN, known=(naming("ldap://ocsp.example.net/"),))


@pytest.mark.parametrize("allowed", ["ocsp.example.net", "ocsp.example.net:80", "OCSP.example.net."])
def test_the_operator_may_allow_more(allowed: str) -> None:
    place = host_and_port(allowed)
    assert place is not None
    assert url(FOREIGN, Targets(allowed=frozenset({place}))) == FOREIGN


def test_what_the_operator_set_for_the_issuer_goes_before_the_station_s_word() -> None:
    fixed = Targets(by_issuer={ISSUER.fingerprint: "https://ocsp.example.com/"})
    assert url(None, fixed) == url(FOREIGN, fixed) == "https://ocsp.example.com/"


def test_without_a_responder_nobody_is_asked() -> None:
    with pytest.raises(UrlRefused) as refused:
        url(None)
    assert refused.value.reason is Reason.OCSP_NO_RESPONDER


@pytest.mark.parametrize(
    "text", ["", "a b", "host:", "host:99999", "http://host", "u@host", "host/path", "[::1", ":80"]
)
def test_what_is_neither_host_nor_host_and_port_is_refused(text: str) -> None:
    assert host_and_port(text) is None


@pytest.mark.parametrize(
    ("text", "place"), [("Host", ("host", 0)), ("host:81", ("host", 81)), ("[::1]:81", ("::1", 81)), ("::1", None)]
)
def test_hosts_are_read_as_operators_write_them(text: str, place: tuple[str, int] | None) -> None:
    assert host_and_port(text) == place


@given(st.text(max_size=60) | st.text("htps:/@[]#?.01\\a", max_size=30).map("http:".__add__))
def test_a_stranger_s_text_is_a_place_or_refused_and_nothing_else(text: str) -> None:
    try:
        host, port = place_of(text)
    except UrlRefused:
        return
    assert host
    assert 0 < port < 65536

"""Where the servers listen, and by which names others reach them."""

import socket
from collections.abc import Iterator
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chainpilot.testpki.address import (
    HostNameError,
    ListenError,
    NameMissingError,
    listen,
    reachable_names,
    url,
)


@pytest.fixture(scope="module")
def listener() -> Iterator[socket.socket]:
    """Bound to loopback."""
    with socket.create_server(("127.0.0.1", 0)) as bound:
        yield bound


@pytest.mark.parametrize("port", [-1, 65536, 99999])
def test_a_number_that_is_no_port_is_told_with_the_port(port: int) -> None:
    with pytest.raises(ListenError, match=rf"127\.0\.0\.1:{port}: .*; choose another address or port"):
        listen("127.0.0.1", port, 0)


@pytest.mark.parametrize("host", ["192.0.2.1", "not a host", "a" * 70, "host.invalid"])
def test_a_host_that_is_not_this_machine_is_told_with_its_name(host: str) -> None:
    with pytest.raises(ListenError, match=rf"can't listen on {host}:0: .*; choose another address or port"):
        listen(host, 0, 0)


def test_a_taken_port_is_told_in_short_words(listener: socket.socket) -> None:
    port = listener.getsockname()[1]
    with pytest.raises(ListenError) as caught:
        listen("127.0.0.1", port, 0)
    assert caught.value.why == "Address already in use"


@pytest.mark.parametrize("host", ["0.0.0.0", "", "0", "::"])
def test_every_address_of_a_machine_is_nobody_s_name(host: str) -> None:
    with listen(host, 0, 0) as bound:
        with pytest.raises(NameMissingError, match="give the name by which others reach it"):
            reachable_names(host, bound, ())
        assert reachable_names(host, bound, ("pki.example.org", "198.51.100.7")) == (
            "pki.example.org",
            "198.51.100.7",
            "localhost",
        )


def test_names_come_before_the_address_that_is_listened_on(listener: socket.socket) -> None:
    assert reachable_names("127.0.0.1", listener, ()) == ("127.0.0.1", "localhost")
    assert reachable_names("127.0.0.1", listener, ("pki", "localhost")) == ("pki", "localhost", "127.0.0.1")


@pytest.mark.parametrize(
    "name",
    [
        *("", "a b", "-a", "a..b", "a.", "pki_1", "*.example.org", "http://pki", "pki:1", "256.1.1.1", "ä.example"),
        *("a" * 64, ".".join(["a" * 63] * 4), "0.0.0.0", "::", "fe80::1%eth0"),
    ],
)
def test_what_nobody_could_connect_to_is_no_name(name: str, listener: socket.socket) -> None:
    with pytest.raises(HostNameError) as caught:
        reachable_names("127.0.0.1", listener, (name,))
    assert caught.value.name == name


@given(name=st.text())
def test_no_name_escapes(name: str, listener: socket.socket) -> None:
    with suppress(HostNameError):
        assert reachable_names("127.0.0.1", listener, (name,))[0].isascii()


def test_an_ipv6_address_stands_in_brackets() -> None:
    assert url("https", "2001:db8::7", 443) == "https://[2001:db8::7]:443"
    assert url("http", "pki.example.org", 80) == "http://pki.example.org:80"

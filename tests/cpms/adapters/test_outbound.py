"""Which addresses may be connected to for a URL that comes from outside."""

import ipaddress
import socket

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chainpilot.cpms.adapters.outbound import AddressRefused, judge_address, look_up

__all__: list[str] = []

pytestmark = pytest.mark.anyio

PRIVATE = [
    "127.0.0.1",
    "127.255.255.254",
    "0.0.0.0",
    "10.0.0.1",
    "172.16.0.1",
    "192.168.1.1",
    "169.254.169.254",
    "100.64.0.1",
    "192.0.2.1",
    "198.18.0.1",
    "224.0.0.1",
    "239.255.255.255",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "fe80::1",
    "fc00::1",
    "fd12::1",
    "ff02::1",
    "2001:db8::1",
    "::ffff:127.0.0.1",
    "::ffff:169.254.169.254",
    "::ffff:10.0.0.1",
    "::127.0.0.1",
    "::10.0.0.1",
    "2002:7f00:1::",
    "2002:a9fe:a9fe::1",
    "64:ff9b::127.0.0.1",
    "64:ff9b::169.254.169.254",
    "64:ff9b:1::10.0.0.1",
    "2001:0:7f00:1::1",
    "fec0::1",
    "::ffff:0:127.0.0.1",
    "5f00::1",
    "3fff::1",
    "192.0.0.8",
    "192.88.99.1",
]
PUBLIC = ["93.184.216.34", "8.8.8.8", "2606:2800:220:1::1", "64:ff9b::8.8.8.8"]


@pytest.mark.parametrize("text", PRIVATE)
def test_no_address_inside_is_connected_to(text: str) -> None:
    assert judge_address(ipaddress.ip_address(text)) is not None


@pytest.mark.parametrize("text", PUBLIC)
def test_public_addresses_are(text: str) -> None:
    assert judge_address(ipaddress.ip_address(text)) is None


def test_a_network_may_be_allowed_and_no_other_with_it() -> None:
    allowed = (ipaddress.ip_network("127.0.0.0/8"),)
    assert judge_address(ipaddress.ip_address("127.0.0.1"), allowed) is None
    assert judge_address(ipaddress.ip_address("10.0.0.1"), allowed) is not None
    assert judge_address(ipaddress.ip_address("::1"), allowed) is not None


@given(st.one_of(*(st.ip_addresses(network=one) for one in ("127.0.0.0/8", "10.0.0.0/8", "169.254.0.0/16"))))
def test_no_ipv4_address_gets_through_inside_an_ipv6_one(address: ipaddress.IPv4Address) -> None:
    number = int(address)
    carriers = (
        ipaddress.IPv6Address(0xFFFF << 32 | number),
        ipaddress.IPv6Address(0x2002 << 112 | number << 80),
        ipaddress.IPv6Address(0x64FF9B << 96 | number),
    )
    assert all(judge_address(carrier) is not None for carrier in carriers)


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "127.1", "2130706433", "0x7f.0.0.1", "0177.0.0.1", "::1"])
async def test_a_name_that_leads_inside_is_refused_however_it_is_spelt(host: str) -> None:
    with pytest.raises(AddressRefused, match="allow_networks"):
        await look_up(host, 80)


async def test_an_allowed_name_leads_to_its_addresses_each_once() -> None:
    found = await look_up("127.0.0.1", 80, (ipaddress.ip_network("127.0.0.1/32"),))
    assert found == (ipaddress.IPv4Address("127.0.0.1"),)


async def test_a_name_that_leads_nowhere_is_an_error_of_the_system() -> None:
    with pytest.raises(socket.gaierror):
        await look_up("nowhere.invalid", 80)

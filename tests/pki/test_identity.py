"""Names: which station ids, EVSEIDs and SECCIDs are of the right form, and how distinguished names are read."""

import pytest
from cryptography import x509
from hypothesis import given
from hypothesis import strategies as st

from chainpilot.pki.der import read_one
from chainpilot.pki.identity import (
    DistinguishedName,
    IdentityError,
    Name,
    is_evseid,
    is_seccid,
    name_key,
    parse_station_id,
    read_name,
)


@pytest.mark.parametrize("text", ["CS-001", "DE*ICE*S1", "a", "x" * 48, "A.B", "user@site|1+2=3:4_5"])
def test_a_station_id_is_kept_as_it_is(text: str) -> None:
    assert parse_station_id(text) == text


@pytest.mark.parametrize("text", ["", "x" * 49, "../x", "..", ".", "a b", "a/b", "a\n", "ä", "a\\b", "a%2Fb", "\x00"])
def test_what_is_no_station_id_is_refused(text: str) -> None:
    with pytest.raises(IdentityError):
        parse_station_id(text)


@given(st.text())
def test_a_station_id_never_holds_a_path(text: str) -> None:
    try:
        parsed = parse_station_id(text)
    except IdentityError:
        return
    assert "/" not in parsed
    assert parsed not in {".", ".."}


@pytest.mark.parametrize("text", ["DE*ICE*E0001", "DEICEE0001*1", "de*ice*E1", "DE*8AAE1"])
def test_evseids_with_and_without_separators(text: str) -> None:
    assert is_evseid(text)


@pytest.mark.parametrize(
    "text", ["", "DE*ICE*X1", "D*ICE*E1", "DE*ICE*E", "DE*ICE*E" + "1" * 31, "DE*ICE*E1\n", "DÉ*ICE*E1"]
)
def test_what_is_no_evseid(text: str) -> None:
    assert not is_evseid(text)


@pytest.mark.parametrize(("length", "fits"), [(38, False), (39, True), (64, True), (65, False)])
def test_a_seccid_has_39_to_64_characters(length: int, *, fits: bool) -> None:
    assert is_seccid("DEICE".ljust(length, "0")) is fits


def test_a_seccid_begins_with_country_and_operator() -> None:
    assert not is_seccid("12ICE".ljust(40, "0"))


def _read(name: x509.Name) -> Name:
    return read_name(read_one(name.public_bytes()))


def test_an_attribute_given_twice_counts_as_absent() -> None:
    name = x509.Name(
        [
            x509.NameAttribute(x509.NameOID.COMMON_NAME, "one"),
            x509.NameAttribute(x509.NameOID.COMMON_NAME, "two"),
            x509.NameAttribute(x509.NameOID.ORGANIZATION_NAME, "Operator"),
        ]
    )
    assert DistinguishedName.from_name(_read(name)) == DistinguishedName(organization="Operator")


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("0c03c3a978", "éx"),
        ("1e04004100e9", "Aé"),
        ("1c0400000041", "A"),
        ("1402e941", "éA"),
        ("1303444549", "DEI"),
        ("0c02ff41", "\ufffdA"),
        ("0203010001", "0203010001"),
    ],
)
def test_every_string_type_is_read(value: str, text: str) -> None:
    pair = bytes.fromhex("0603550403") + bytes.fromhex(value)
    encoded = bytes([0x30, len(pair) + 4, 0x31, len(pair) + 2, 0x30, len(pair)]) + pair
    assert DistinguishedName.from_name(read_name(read_one(encoded))).common_name == text


_words = st.text(st.characters(codec="utf-8", exclude_categories=("Cs", "Cc")), min_size=1, max_size=64).filter(
    lambda text: len(text.encode()) <= 64
)


@given(st.builds(DistinguishedName, st.none() | st.sampled_from(["DE", "FR"]), st.none() | _words, _words, st.none()))
def test_a_written_name_reads_back(name: DistinguishedName) -> None:
    assert DistinguishedName.from_name(_read(name.to_name())) == name


def test_names_that_differ_in_case_and_space_meet_under_one_key() -> None:
    names = [DistinguishedName(common_name=text).to_name() for text in ("V2G  Root", " v2g root", "V2G ROOT ")]
    assert len({name_key(_read(name)) for name in names}) == 1
    assert name_key(_read(DistinguishedName(organization="V2G Root").to_name())) != name_key(_read(names[0]))

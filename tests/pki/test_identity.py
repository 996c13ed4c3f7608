"""Names: which ids of stations, EVSEs, contracts and vehicles are right, and how distinguished names are read."""

import string

import pytest
from cryptography import x509
from hypothesis import given
from hypothesis import strategies as st

from chainpilot.pki.der import read_one
from chainpilot.pki.identity import (
    DistinguishedName,
    Emaid,
    IdentityError,
    Name,
    is_evseid,
    is_seccid,
    name_key,
    normal_emaid,
    parse_emaid,
    parse_pcid,
    parse_station_id,
    read_name,
    with_check_digit,
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


_LETTERS = string.ascii_uppercase
_CHARACTERS = string.digits + _LETTERS
_emaids = st.builds(
    lambda country, rest: Emaid(country + rest),
    st.text(_LETTERS, min_size=2, max_size=2),
    st.text(_CHARACTERS, min_size=12, max_size=12),
)


@pytest.mark.parametrize(
    "text",
    [
        "DE8AACA2B3C4D5",
        "DE8AACA2B3C4D5L",
        "DE-8AA-CA2B3C4D5",
        "DE-8AA-CA2B3C4D5-L",
        "de-8aa-ca2b3c4d5-l",
        "DE*8AA*CA2B3C4D5*L",
        "DE8AA-CA2B3C4D5L",
        "de8aaCA2b3C4d5",
    ],
)
def test_every_spelling_of_a_contract_id_is_the_same_id(text: str) -> None:
    assert parse_emaid(text) == "DE8AACA2B3C4D5"
    assert normal_emaid(text) == "DE8AACA2B3C4D5"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "DE8AACA2B3C4D",
        "DE8AACA2B3C4D5LL",
        "D18AACA2B3C4D5",
        "DE--8AA-CA2B3C4D5",
        "DE-8AA-CA2B3C4D5-",
        "DE 8AA CA2B3C4D5",
        " DE8AACA2B3C4D5",
        "DE8AACA2B3C4D5\n",
        "DE8AACA2B3C4D\u0665",
        "D\u01318AACA2B3C4D5",
        "DE8AACA2B3C4D\u017f",
    ],
)
def test_what_is_no_contract_id_is_refused_and_left_alone(text: str) -> None:
    with pytest.raises(IdentityError, match="country of 2 letters"):
        parse_emaid(text)
    assert normal_emaid(text) == text


@pytest.mark.parametrize("text", ["NL-TNM-012204-5", "NLTNM0122045", "nl*tnm*012204*x"])
def test_the_short_contract_id_of_din_is_refused_because_its_translation_is_ambiguous(text: str) -> None:
    with pytest.raises(IdentityError, match="two translations"):
        parse_emaid(text)


@pytest.mark.parametrize(
    "text",
    [
        "DE83DUIEN83QGZD",
        "DE83DUIEN83ZGQM",
        "NN123ABCDEFGHIT",
        "FRXYZ1234567892",
        "ITA1B2C3E4F5G64",
        "ESZU8WOX834H1DR",
        "PT73902837ABCZZ",
        "DE8AA0012345670",
        "DE8AACA2B3C4D5L",
        "NLTNM000122045U",
        "NLTNMC00122045K",
    ],
)
def test_published_contract_ids_have_the_check_digit_we_compute(text: str) -> None:
    """The algorithm's own table and worked example (2013), eMI3 part 2 section 1.2.2.1 (DE8AA), mobilityid (NLTNM)."""
    assert with_check_digit(parse_emaid(text[:14])) == text


def test_a_wrong_check_digit_is_refused_and_the_right_one_told() -> None:
    """OCHP's text gives N for this id where the algorithm and eMI3 give L."""
    with pytest.raises(IdentityError, match="DE8AACA2B3C4D5 is L, not N"):
        parse_emaid("DE-8AA-CA2B3C4D5-n")


def test_a_wrong_check_digit_may_be_part_of_the_number_so_it_tells_contracts_apart() -> None:
    assert normal_emaid("de-abc-c12345678-9") == "DEABCC123456789"
    assert normal_emaid("DEABCC123456788") == "DEABCC12345678"


@given(_emaids)
def test_the_normal_form_of_a_contract_id_is_its_own_spelling(emaid: Emaid) -> None:
    assert parse_emaid(emaid) == emaid
    assert parse_emaid(with_check_digit(emaid)) == emaid
    assert normal_emaid(with_check_digit(emaid).lower()) == emaid


@given(st.text())
def test_no_text_escapes_the_family_as_a_contract_or_vehicle_id(text: str) -> None:
    for parse in (parse_emaid, parse_pcid):
        try:
            parsed = parse(text)
        except IdentityError:
            continue
        assert parsed.isascii()
        assert parsed.isupper() or parsed.isdigit()


def _refused(text: str) -> bool:
    try:
        parse_emaid(text)
    except IdentityError:
        return True
    return False


@given(_emaids, st.integers(0, 14), st.sampled_from(_CHARACTERS))
def test_one_wrong_character_is_found(emaid: Emaid, place: int, wrong: str) -> None:
    right = with_check_digit(emaid)
    spoilt = right[:place] + wrong + right[place + 1 :]
    assert _refused(spoilt) is (spoilt != right)


@given(_emaids, st.integers(0, 13))
def test_two_neighbours_exchanged_are_found(emaid: Emaid, place: int) -> None:
    right = with_check_digit(emaid)
    spoilt = right[:place] + right[place + 1] + right[place] + right[place + 2 :]
    assert _refused(spoilt) is (spoilt != right)


@given(_emaids, st.integers(0, 12))
def test_characters_exchanged_across_one_are_found(emaid: Emaid, place: int) -> None:
    right = with_check_digit(emaid)
    spoilt = right[:place] + right[place : place + 3][::-1] + right[place + 3 :]
    assert _refused(spoilt) is (spoilt != right)


@given(_emaids, st.integers(2, 11), st.sampled_from(_CHARACTERS), st.sampled_from(_CHARACTERS), st.sampled_from([1, 2]))
def test_twins_wrong_in_the_same_way_are_found(emaid: Emaid, place: int, one: str, other: str, apart: int) -> None:
    def twins(character: str) -> str:
        places = {place, place + apart}
        return "".join(character if at in places else kept for at, kept in enumerate(emaid))

    right = with_check_digit(Emaid(twins(one)))
    assert _refused(twins(other) + right[14]) is (one != other)


@pytest.mark.parametrize(
    ("text", "normal"),
    [
        ("WVWZZZ1KZAW000123", "WVWZZZ1KZAW000123"),
        ("wvwzzz1kzaw0001234", "WVWZZZ1KZAW0001234"),
        ("WVW-ZZZ1KZAW000123-4", "WVWZZZ1KZAW0001234"),
    ],
)
def test_every_spelling_of_a_vehicle_id_is_the_same_id(text: str, normal: str) -> None:
    assert parse_pcid(text) == normal
    assert parse_pcid(normal) == normal


@pytest.mark.parametrize(
    "text", ["", "W" * 16, "W" * 19, "WVWZZZ1KZAW00012\n", "WVWZZZ1KZAW00012é", "WVWZZZ-1KZAW000123"]
)
def test_what_is_no_vehicle_id_is_refused(text: str) -> None:
    with pytest.raises(IdentityError, match="17 letters and digits"):
        parse_pcid(text)


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

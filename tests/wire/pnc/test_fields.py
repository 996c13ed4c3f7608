"""Kinds of field: bounds, one below, at and above, and words that quote nothing."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chainpilot.pki.hashdata import CertificateHashData, HashAlgorithm
from chainpilot.wire.pnc.fields import (
    MAX_ENTRIES,
    ChainText,
    Choice,
    FieldFault,
    IdTokenObject,
    InexpressibleError,
    Kind,
    Moment,
    Quirk,
    SeveralChoices,
    StatusInfo,
    Text,
    TextList,
    TokenInfoObject,
    WholeNumber,
)
from chainpilot.wire.pnc.hashes import (
    MAX_ASKED,
    FlatHashes,
    HashChains,
    HashObject,
    OneOcspQuestion,
    SeveralOcspQuestions,
)
from chainpilot.wire.pnc.words import CertificateUse, GenericStatus

USES = Choice(CertificateUse)
KINDS: list[Kind] = [
    Text(5),
    TextList(Text(5), 2),
    WholeNumber(),
    ChainText(5),
    USES,
    SeveralChoices(USES),
    StatusInfo(),
    Moment(),
    IdTokenObject(),
    TokenInfoObject(),
    HashObject(),
    OneOcspQuestion(needs_url=True),
    SeveralOcspQuestions(needs_url=False),
    FlatHashes(USES),
    HashChains(USES),
]
NAMES = ["certificateHashData", "serialNumber", "hashAlgorithm", "responderURL", "idToken", "status", "type"]
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(NAMES), inner, max_size=3),
    max_leaves=8,
)


@given(st.sampled_from(KINDS), JSON)
def test_any_value_is_read_or_a_fault_at_its_path(kind: Kind, value: object) -> None:
    try:
        kind.read(value, "there")
    except FieldFault as fault:
        path = fault.path
    else:
        path = "there"
    assert path.startswith("there")


def test_text_is_bounded() -> None:
    assert Text(5).read("xxxx", "") == "xxxx"
    assert Text(5).read("xxxxx", "") == "xxxxx"
    with pytest.raises(FieldFault, match="csr: 6 characters; at most 5 are read"):
        Text(5).read("xxxxxx", "csr")


def test_the_parts_of_a_chain_are_bounded_together() -> None:
    assert ChainText(5).read(["xx", "xx"], "") == "xx\nxx"
    with pytest.raises(FieldFault):
        ChainText(5).read(["xx", "xxx"], "")


@pytest.mark.parametrize("value", ["", " "])
def test_a_chain_without_anything_in_it_is_read_where_its_reader_judges_it(value: object) -> None:
    assert not ChainText(5, may_be_empty=True).read(value, "").strip()
    with pytest.raises(FieldFault):
        ChainText(5).read(value, "")


def test_an_unknown_word_is_a_fault_unless_something_stands_in() -> None:
    with pytest.raises(FieldFault, match="status: no word of GenericStatus"):
        Choice(GenericStatus).read("hunter2", "status")
    assert Choice(GenericStatus, otherwise=GenericStatus.REJECTED).read("hunter2", "") is GenericStatus.REJECTED


def test_lists_are_bounded() -> None:
    word = CertificateUse.CSO_SUB_CA1.value
    assert SeveralChoices(USES).read([word] * MAX_ENTRIES, "") == (CertificateUse.CSO_SUB_CA1,)
    with pytest.raises(FieldFault):
        SeveralChoices(USES).read([word] * (MAX_ENTRIES + 1), "")
    with pytest.raises(FieldFault):
        FlatHashes(USES).read([{}] * (MAX_ENTRIES + 1), "")


def test_a_status_info_is_a_code_and_a_text() -> None:
    assert StatusInfo().read({"reasonCode": "a"}, "") == "a"
    assert StatusInfo().read({"additionalInfo": "x" * 600}, "") == "x" * 512
    assert StatusInfo().read({}, "") is None
    assert StatusInfo().write("Expired") == {"reasonCode": "Expired"}
    assert StatusInfo().write("Expired: since May") == {"reasonCode": "Expired", "additionalInfo": "since May"}
    long = "this sentence has more than twenty characters"
    assert StatusInfo().write(long) == {"reasonCode": "Unspecified", "additionalInfo": long}
    assert StatusInfo().read(StatusInfo().write(long), "") == long


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-11-26T10:00:00Z", datetime(2026, 11, 26, 10, tzinfo=UTC)),
        ("2026-11-26T12:00:00.999+02:00", datetime(2026, 11, 26, 10, 0, 0, 999000, tzinfo=UTC)),
        ("2026-11-26T10:00:00", datetime(2026, 11, 26, 10, tzinfo=UTC)),
    ],
)
def test_a_moment_is_utc_whatever_its_zone(text: str, moment: datetime) -> None:
    assert Moment().read(text, "") == moment
    assert Moment().write(moment) == "2026-11-26T10:00:00Z"


@pytest.mark.parametrize("text", ["soon", "9999-12-31T23:59:59-23:00", ""])
def test_no_moment_is_a_fault(text: str) -> None:
    with pytest.raises(FieldFault):
        Moment().read(text, "there")


def test_a_station_s_own_spelling_is_written_only_to_it() -> None:
    word = Choice(CertificateUse, misspelt={CertificateUse.V2G_ROOT_CERTIFICATE: Quirk.MISSPELT_V2G_ROOT})
    assert word.write(CertificateUse.V2G_ROOT_CERTIFICATE) == "V2GRootCertificate"
    quirks = frozenset({Quirk.MISSPELT_V2G_ROOT})
    assert word.write(CertificateUse.V2G_ROOT_CERTIFICATE, quirks) == "V2GRootCertficate"
    assert word.write(CertificateUse.MO_ROOT_CERTIFICATE, quirks) == "MORootCertificate"


def test_a_member_that_the_dialect_lacks_is_neither_read_nor_written() -> None:
    few = Choice(CertificateUse, only=frozenset({CertificateUse.CSMS_ROOT_CERTIFICATE}))
    with pytest.raises(FieldFault):
        few.read("MORootCertificate", "")
    with pytest.raises(InexpressibleError):
        few.write(CertificateUse.MO_ROOT_CERTIFICATE)


def test_a_whole_number_is_no_boolean_and_not_negative() -> None:
    assert WholeNumber().read(0, "") == 0
    for value in (True, -1, 1.0, "1"):
        with pytest.raises(FieldFault):
            WholeNumber().read(value, "")


def test_hash_data_is_kept_letter_by_letter_and_compared_by_its_meaning() -> None:
    sent = {"hashAlgorithm": "SHA256", "issuerNameHash": "0xAB", "issuerKeyHash": "CD", "serialNumber": "0x00Ff"}
    found = HashObject().read(sent, "")
    assert HashObject().write(found) == sent
    assert found.matches(CertificateHashData(HashAlgorithm.SHA256, "ab", "cd", "ff"))


def test_questions_are_bounded_and_one_is_asked_at_a_time() -> None:
    one = {"hashAlgorithm": "SHA256", "issuerNameHash": "ab", "issuerKeyHash": "cd", "serialNumber": "1"}
    assert len(OneOcspQuestion(needs_url=False).read([one] * MAX_ASKED, "")) == MAX_ASKED
    for several in ([one] * (MAX_ASKED + 1), []):
        with pytest.raises(FieldFault):
            OneOcspQuestion(needs_url=False).read(several, "")
    read = OneOcspQuestion(needs_url=True).read(one, "")
    with pytest.raises(InexpressibleError, match="URL"):
        OneOcspQuestion(needs_url=True).write(read)
    with pytest.raises(InexpressibleError, match="not 2"):
        OneOcspQuestion(needs_url=False).write(read * 2)

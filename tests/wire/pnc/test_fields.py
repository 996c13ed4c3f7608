"""Kinds of field: bounds, one below, at and above, and words that quote nothing."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chainpilot.wire.pnc.fields import (
    MAX_ENTRIES,
    ChainText,
    Choice,
    FieldFault,
    HashList,
    InexpressibleError,
    Kind,
    OneChoice,
    StatusInfo,
    Text,
)
from chainpilot.wire.pnc.messages import CertificateUse, GenericStatus

USES = Choice(CertificateUse)
KINDS: list[Kind] = [Text(5), ChainText(5), USES, OneChoice(USES), StatusInfo(), HashList(USES)]
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["certificateHashData", "serialNumber", "hashAlgorithm"]), inner, max_size=3)
    ),
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


def test_an_unknown_word_is_a_fault_unless_something_stands_in() -> None:
    with pytest.raises(FieldFault, match="status: no word of GenericStatus"):
        Choice(GenericStatus).read("hunter2", "status")
    assert Choice(GenericStatus, otherwise=GenericStatus.REJECTED).read("hunter2", "") is GenericStatus.REJECTED


def test_lists_are_bounded() -> None:
    word = CertificateUse.CSO_SUB_CA1.value
    assert OneChoice(USES).read([word] * MAX_ENTRIES, "") == (CertificateUse.CSO_SUB_CA1,)
    with pytest.raises(FieldFault):
        OneChoice(USES).read([word] * (MAX_ENTRIES + 1), "")
    with pytest.raises(FieldFault):
        HashList(USES).read([{}] * (MAX_ENTRIES + 1), "")


def test_a_status_info_is_read_and_never_written() -> None:
    assert StatusInfo().read({"reasonCode": "a"}, "") == "a"
    assert StatusInfo().read({"additionalInfo": "x" * 600}, "") == "x" * 512
    assert StatusInfo().read({}, "") is None
    with pytest.raises(InexpressibleError):
        StatusInfo().write("a")

"""The record of an open signing request: what is written is read, and nothing else is."""

import contextlib
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chainpilot.pki.csr import build_csr, inspect_csr
from chainpilot.pki.identity import DistinguishedName
from chainpilot.pki.keys import KeySpec, generate_private_key
from chainpilot.station.layout import LEAF_TYPES
from chainpilot.station.store import PendingCsr, PendingRecordError, decode_pending, encode_pending

KEY = generate_private_key(KeySpec.P256)
WORDS = st.from_regex(r"[A-Za-z0-9\-]{1,64}", fullmatch=True)
TIMES = st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001 - zone beside it
NAMES = st.text(st.characters(min_codepoint=32, max_codepoint=126), min_size=1, max_size=64)


def record(
    common: str = "DE*CHP*E1234*1", word: str = "w", at: datetime = datetime(2026, 6, 1, tzinfo=UTC)
) -> PendingCsr:
    csr = inspect_csr(build_csr(KEY, DistinguishedName("DE", "Operator", common, "CPO")))
    return PendingCsr(word, LEAF_TYPES[0], csr, at)


@given(WORDS, st.sampled_from(LEAF_TYPES), NAMES, TIMES)
def test_a_record_read_back_is_the_record_written(word: str, kind: object, common: str, at: datetime) -> None:
    pending = record(common, word, at)
    pending = PendingCsr(word, kind, pending.csr, at)  # type: ignore[arg-type] # - sampled from the enumeration
    read = decode_pending(encode_pending(pending))
    assert (read.word, read.kind, read.csr.der, read.made_at) == (word, kind, pending.csr.der, at)


@given(st.binary())
def test_no_bytes_escape_the_error_family(data: bytes) -> None:
    with pytest.raises(PendingRecordError):
        decode_pending(data)


@given(st.integers(min_value=0), st.integers(0, 255))
def test_no_changed_byte_escapes_the_error_family(place: int, value: int) -> None:
    data = bytearray(encode_pending(record()))
    data[place % len(data)] = value
    with contextlib.suppress(PendingRecordError):
        decode_pending(bytes(data))


@pytest.mark.parametrize("word", ["../escape", "a/b", "", "x" * 65, "a.b"])
def test_a_word_that_is_no_file_name_of_ours_is_refused(word: str) -> None:
    with pytest.raises(PendingRecordError):
        decode_pending(encode_pending(record(word=word)))

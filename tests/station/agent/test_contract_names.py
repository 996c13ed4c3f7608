"""eMAIDs where others read: enough to tell two drivers apart, too little to know who they are."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents_contracts import EMAID, contract, mo_pki
from chainpilot.pki.identity import Emaid, with_check_digit
from chainpilot.station.agent.contracts.names import emaid_of, is_emaid, masked, veiled

EMAIDS = st.from_regex(re.compile(r"[A-Z]{2}[A-Z0-9]{3}[A-Z0-9]{9}", re.ASCII), fullmatch=True)


Spelling = tuple[str, bool, bool]
SPELLINGS = st.tuples(st.sampled_from(["", "-", "*"]), st.booleans(), st.booleans())
"""What stands between its parts, whether its check digit follows, whether it is in lower case."""


def spelt(emaid: str, spelling: Spelling) -> str:
    separator, digit, lower = spelling
    parts = [emaid[:2], emaid[2:5], emaid[5:], *([with_check_digit(Emaid(emaid))[-1]] if digit else [])]
    text = separator.join(parts)
    return text.lower() if lower else text


@given(EMAIDS, SPELLINGS)
def test_every_spelling_is_one_and_is_masked_alike(emaid: str, spelling: Spelling) -> None:
    text = spelt(emaid, spelling)
    assert is_emaid(text)
    assert masked(text) == f"{emaid[:5]}...{emaid[-2:]}"


@given(EMAIDS, SPELLINGS, SPELLINGS, st.text(max_size=40))
def test_no_sentence_keeps_an_emaid_however_it_spells_it(
    emaid: str, spelling: Spelling, known_as: Spelling, around: str
) -> None:
    text = spelt(emaid, spelling)
    told = veiled(f"{around}{text}{around}", spelt(emaid, known_as))
    assert text.lower() not in told.lower()
    assert told.isprintable()


@pytest.mark.parametrize("text", [None, "", "a person", "DE-ABC-123456-7", EMAID[:-1], EMAID + "12", f"{EMAID}\n"])
def test_of_what_is_no_emaid_nothing_is_shown(text: str | None) -> None:
    assert masked(text) == "..."


def test_a_long_sentence_is_cut() -> None:
    assert [len(veiled("x" * size)) for size in (499, 500, 501)] == [499, 500, 500]


def test_a_name_that_is_no_emaid_is_hidden_too() -> None:
    assert veiled("CN=A. Person (x), O=MO: ended", "A. Person (x)") == "CN=..., O=MO: ended"


@pytest.mark.parametrize("name", [EMAID, "de-abc-c12345678", "DE*ABC*C12345678"])
def test_the_leaf_s_emaid_stays_as_the_leaf_spells_it(name: str) -> None:
    assert emaid_of(contract(mo_pki(), name).certificate) == name

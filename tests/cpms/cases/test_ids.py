"""No row of a CSMS is forgotten: the ids of OCPP's own test cases, and the tests that are named by them.

Where they are: `test_connections` has TC_A_01 to 08 and TC_085 to 088, `test_passwords` TC_A_09, 10 and TC_073,
`test_renewal` TC_A_11, 14, TC_074 and 077, `test_profiles` TC_A_19 and TC_083, `test_certificates` TC_M_01 to 21,
TC_075, 076 and 078, `test_files` TC_079 to 081.
"""

import re
from pathlib import Path
from typing import Final

__all__: list[str] = []

V201: Final = """
    TC_A_01 TC_A_02 TC_A_03 TC_A_04 TC_A_06 TC_A_07 TC_A_08 TC_A_09 TC_A_10 TC_A_11 TC_A_14 TC_A_19
    TC_M_01 TC_M_02 TC_M_05 TC_M_13 TC_M_18 TC_M_19 TC_M_20 TC_M_21
"""
"""OCPP 2.0.1 parts 5 and 6, the cases of a CSMS about security (A) and certificates (M)."""
V16: Final = """
    TC_073 TC_074 TC_075_1 TC_075_2 TC_076 TC_077 TC_078 TC_079 TC_080 TC_081 TC_083 TC_085 TC_086 TC_087 TC_088
"""
"""OCPP 1.6's test cases for the security whitepaper, those that a central system is tested by."""

_TEST: Final = re.compile(r"^(?:async )?def test_(tc_\w+)", re.MULTILINE)
_ID: Final = re.compile(r"tc_(?:[a-z]_)?\d+(?:_\d)?(?=_csms)")


def test_every_case_of_a_csms_has_a_test_that_bears_its_id() -> None:
    texts = [path.read_text(encoding="utf-8") for path in Path(__file__).parent.glob("test_*.py")]
    names = [name for text in texts for name in _TEST.findall(text)]
    tried = {found.upper() for name in names for found in _ID.findall(name)}
    assert tried == {*V201.split(), *V16.split()}
    assert all(_ID.match(name) for name in names)

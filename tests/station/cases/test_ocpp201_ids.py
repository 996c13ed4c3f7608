"""No row of a 2.0.1 station is forgotten: the ids of OCPP's own test cases, and the tests that are named by them.

Where they are: `test_ocpp201_connections` has TC_A_01 to 07, `test_ocpp201_passwords` TC_A_09 and 10,
`test_ocpp201_renewal` TC_A_11 to 15 and 23, `test_ocpp201_profiles` TC_A_19 to 22, `test_ocpp201_certificates` TC_M_01,
02, 07, 12 to 23, `test_ocpp201_succession` TC_M_09, 30 and 31.
"""

import re
from pathlib import Path
from typing import Final

__all__: list[str] = []

STATION: Final = """
    TC_A_01 TC_A_04 TC_A_05 TC_A_06 TC_A_07 TC_A_09 TC_A_10 TC_A_11 TC_A_14 TC_A_15 TC_A_19 TC_A_20 TC_A_21 TC_A_22
    TC_A_23
    TC_M_01 TC_M_02 TC_M_07 TC_M_09 TC_M_12 TC_M_13 TC_M_17 TC_M_18 TC_M_19 TC_M_20 TC_M_22 TC_M_23 TC_M_30 TC_M_31
"""
"""OCPP 2.0.1 parts 5 and 6, the cases of a charging station about security (A) and certificates (M)."""

_TEST: Final = re.compile(r"^(?:async )?def test_(tc_\w+)", re.MULTILINE)
_ID: Final = re.compile(r"tc_[a-z]_\d\d(?=_cs_)")


def test_every_case_of_a_station_has_a_test_that_bears_its_id() -> None:
    texts = [path.read_text(encoding="utf-8") for path in Path(__file__).parent.glob("test_ocpp201_*.py")]
    names = [name for text in texts for name in _TEST.findall(text)]
    assert all(_ID.match(name) for name in names)
    assert {found.upper() for name in names for found in _ID.findall(name)} == set(STATION.split())

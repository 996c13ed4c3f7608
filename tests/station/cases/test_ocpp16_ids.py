"""No row of a charge point is forgotten: the ids of OCA's test cases for 1.6's security, and the tests named by them.

Where they are: `test_ocpp16_passwords` has TC_073 and 085, `test_ocpp16_certificates` TC_074 to 077,
`test_ocpp16_connections` TC_078 and 086 to 088, `test_ocpp16_files` TC_079 to 081, `test_ocpp16_profiles` TC_083 and
084. Requirements of the whitepaper that these don't show have tests by their ids beside them.
"""

import re
from pathlib import Path
from typing import Final

__all__: list[str] = []

CASES: Final = """
    TC_073 TC_074 TC_075_1 TC_075_2 TC_076 TC_077 TC_078 TC_079 TC_080 TC_081 TC_083 TC_084 TC_085 TC_086 TC_087 TC_088
"""
"""OCPP 1.6's test cases for the security whitepaper that a charge point is tested by, and what it offers in TC_088.

TC_082 is about smart charging.
"""
_TEST: Final = re.compile(r"^async def test_(tc_\w+)", re.MULTILINE)
_ID: Final = re.compile(r"tc_\d+(?:_\d)?(?=_cs_)")


def test_every_case_of_a_charge_point_has_a_test_that_bears_its_id() -> None:
    texts = [path.read_text(encoding="utf-8") for path in Path(__file__).parent.glob("test_ocpp16_*.py")]
    names = [name for text in texts for name in _TEST.findall(text)]
    assert all(_ID.match(name) for name in names)
    assert {_ID.findall(name)[0].upper() for name in names} == set(CASES.split())

"""The tables: whole for every dialect, and without a name that means two things."""

from dataclasses import fields as dataclass_fields
from typing import get_args

import msgspec
import pytest

from chainpilot.wire.pnc.dialects import ACTIONS, DIALECTS, VENDOR_IDS, Dialect, DialectRow, MessageRow, Side
from chainpilot.wire.pnc.messages import PncRequest, PncResponse

ROWS = [pytest.param(row, id=row.dialect.value) for row in DIALECTS.values()]
SIDES = [
    pytest.param(side, id=f"{row.dialect.value}-{side.of.__name__}")
    for row in DIALECTS.values()
    for message in row.messages
    for side in (message.request, message.response)
]


def test_every_dialect_has_its_row() -> None:
    assert set(DIALECTS) == set(Dialect)
    assert all(row.dialect is dialect for dialect, row in DIALECTS.items())


@pytest.mark.parametrize("row", ROWS)
def test_every_message_stands_once_in_a_dialect(row: DialectRow) -> None:
    assert sorted(message.request.of.__name__ for message in row.messages) == sorted(
        kind.__name__ for kind in get_args(PncRequest)
    )
    assert sorted(message.response.of.__name__ for message in row.messages) == sorted(
        kind.__name__ for kind in get_args(PncResponse)
    )
    assert len({message.action.lower() for message in row.messages}) == len(row.messages)


@pytest.mark.parametrize("side", SIDES)
def test_every_attribute_has_its_field_and_every_wire_name_one_meaning(side: Side) -> None:
    known = [field.name for field in msgspec.structs.fields(side.of)]
    assert [field.attribute for field in side.fields] == known
    names = [name for field in side.fields for name in field.names]
    assert len(set(names)) == len(names)


@pytest.mark.parametrize("side", SIDES)
def test_an_attribute_without_default_is_required_on_the_wire_or_filled_in(side: Side) -> None:
    filled_in = {"GetInstalledCertificateIdsResponse": {"status"}}.get(side.of.__name__, set())
    needed = {field.name for field in msgspec.structs.fields(side.of) if field.required} - filled_in
    assert needed == {field.attribute for field in side.fields if field.required}


def test_vendors_and_actions_are_those_of_the_rows() -> None:
    assert {"iso15118"} == VENDOR_IDS
    assert {"SignCertificate", "CertificateSigned", "GetInstalledCertificateIds"} == ACTIONS
    assert {field.name for field in dataclass_fields(MessageRow)} >= {"action", "request", "response"}

"""The tables: whole for every dialect, and without a name that means two things."""

from typing import get_args

import msgspec
import pytest

from chainpilot.wire.pnc.dialects import Dialect, DialectRow, Side
from chainpilot.wire.pnc.messages import PncRequest, PncResponse
from chainpilot.wire.pnc.tables import ACTIONS, DIALECTS, VENDOR_IDS

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


V2G_ONLY = {"Authorize", "Get15118EVCertificate", "GetCertificateStatus"}
"""Messages that the security whitepaper has no word for."""


@pytest.mark.parametrize("row", ROWS)
def test_every_message_stands_once_in_a_dialect(row: DialectRow) -> None:
    missing = V2G_ONLY if row.dialect is Dialect.S else set()
    for kinds, held in (
        (get_args(PncRequest), [message.request.of for message in row.messages]),
        (get_args(PncResponse), [message.response.of for message in row.messages]),
    ):
        wanted = [kind.__name__ for kind in kinds]
        assert sorted(kind.__name__ for kind in held) == sorted(
            name for name in wanted if name.removesuffix("Request").removesuffix("Response") not in missing
        )
    names = [name.lower() for message in row.messages for name in (message.action, *message.also_read)]
    assert len(set(names)) == len(names)


@pytest.mark.parametrize("side", SIDES)
def test_every_field_is_of_the_message_and_every_wire_name_has_one_meaning(side: Side) -> None:
    attributes = [field.attribute for field in side.fields]
    assert len(set(attributes)) == len(attributes)
    assert set(attributes) <= {field.name for field in msgspec.structs.fields(side.of)}
    names = [name for field in side.fields for name in field.names]
    assert len(set(names)) == len(names)


@pytest.mark.parametrize("side", SIDES)
def test_an_attribute_without_default_is_required_on_the_wire_or_filled_in(side: Side) -> None:
    filled_in = {"GetInstalledCertificateIdsResponse": {"status"}}.get(side.of.__name__, set())
    needed = {field.name for field in msgspec.structs.fields(side.of) if field.required} - filled_in
    assert needed <= {field.attribute for field in side.fields if field.required}


def test_vendors_and_actions_are_those_of_the_rows() -> None:
    assert {"iso15118", "org.openchargealliance.iso15118pnc"} == VENDOR_IDS
    assert {
        "Authorize",
        "CertificateSigned",
        "DeleteCertificate",
        "ExtendedTriggerMessage",
        "Get15118EVCertificate",
        "GetCertificateStatus",
        "GetInstalledCertificateIds",
        "InstallCertificate",
        "SignCertificate",
        "TriggerMessage",
    } == ACTIONS

"""TC_073, TC_085 and use case A01 of OCPP 1.6: the password of Basic authentication, and how it is changed."""

from pathlib import Path

import pytest

from case16 import at_work
from csms16 import KEY_TEXT, STATION, Csms16

__all__: list[str] = []

pytestmark = pytest.mark.anyio

BY_PASSWORD = pytest.mark.parametrize("profile", [1, 2])
SPELT = bytes.fromhex(KEY_TEXT)
OTHER_TEXT = "ff00fe01fd02fc03fb04fa05f906f80708f709f6"
"""20 bytes that are no UTF-8, as the whitepaper advises: random, for the most entropy."""


async def takes(csms: Csms16, key: str) -> None:
    """AuthorizationKey is changed: the old password is good no more, and the charge point comes back with the new."""
    served = csms.open_ones[-1]
    assert await served.change("AuthorizationKey", key) == "Accepted"
    csms.passwords = {bytes.fromhex(key)}
    await csms.boots(served.profile)
    assert csms.upgrades[-1].login == (STATION, bytes.fromhex(key))


@BY_PASSWORD
async def test_tc_073_cs_the_new_password_is_used_twice(tmp_path: Path, profile: int) -> None:
    async with at_work(tmp_path, profile) as (csms, _):
        await takes(csms, KEY_TEXT)
        await takes(csms, OTHER_TEXT)
        assert [upgrade.is_let_in for upgrade in csms.upgrades] == [True] * 3
        assert csms.upgrades[1].login == (STATION, b"OCA_OCTT_admin_test")

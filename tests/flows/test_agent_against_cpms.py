"""The whole agent against our CPMS: from an empty store to mutual TLS and an SECC leaf, in each dialect and profile."""

import itertools
from pathlib import Path

import pytest

from chainpilot.cpms.model import SecurityProfile, Step
from flows.duet import STATION, open_duet
from flows.orders_to_agent import (
    WAYS,
    arrive,
    change_password,
    enrol_all,
    fetch_log,
    list_and_delete,
    renew_client,
    renew_secc,
    replace_root,
    reset,
    start_anew,
    step_up,
    try_to_lower,
)

pytestmark = pytest.mark.anyio

COMBINATIONS = list(itertools.product(WAYS, (0, 1, 2)))


@pytest.mark.parametrize(("way_name", "start"), COMBINATIONS, ids=[f"{way}-from-{p}" for way, p in COMBINATIONS])
async def test_from_an_empty_store_to_mutual_tls(tmp_path: Path, way_name: str, start: int) -> None:
    way = WAYS[way_name]
    async with open_duet(tmp_path, way.version, way.dialects, start) as duet:
        await arrive(duet, way, start)
        await enrol_all(duet, way)
        await change_password(duet, 2)
        await step_up(duet, way, 3)
        await duet.steps.until(lambda: duet.steps.count(Step.CLIENT_CERTIFICATE_SEEN))
        await reset(duet, 3)
        await try_to_lower(duet, way)
        await list_and_delete(duet, way)
        await fetch_log(duet)
        await replace_root(duet)
        await renew_client(duet, way)
        if way.v2g:
            await renew_secc(duet, way)
        await start_anew(duet, way)
        reached = duet.profiles()
        assert reached == sorted(reached), "never below a profile that worked"
        assert await duet.cpms.ledger.refusals_of(STATION) == ()
        assert (await duet.record()).minimum_profile is SecurityProfile.MUTUAL_TLS

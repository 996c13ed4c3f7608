"""The operator's own CAs put together from their parts, for `app` alone: files, records, lists kept current."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from typing import Final

from chainpilot.clock import Clock
from chainpilot.cpms.adapters.ca_material import read_ca, write_list
from chainpilot.cpms.adapters.sql import DatabaseInUseError, SqlIssuingRecords, SqlLedger
from chainpilot.cpms.background import keep_going
from chainpilot.cpms.config import CpmsConfig, LocalCaConfig
from chainpilot.cpms.issuing import CaPlan, LocalCa
from chainpilot.cpms.journal import journal

__all__ = ["ca_from", "open_ca", "open_cas"]

_log: Final = journal("chainpilot.cpms.ca")


@asynccontextmanager
async def open_cas(config: CpmsConfig, ledger: SqlLedger, clock: Clock) -> AsyncIterator[Mapping[str, LocalCa]]:
    """The configured CAs by name; their lists are kept current until the context ends. Raises CaSetupError."""
    cas: dict[str, LocalCa] = {}
    async with AsyncExitStack() as stack:
        for name, one in config.cas.items():
            ca = await asyncio.to_thread(ca_from, one, ledger, clock, allow_test_pki=config.allow_test_pki)
            stack.push_async_callback(asyncio.to_thread, ca.close)
            cas[name] = ca
        for name, ca in cas.items():
            keep_going(stack, f"list-of-{name}", ca.run())
        yield cas


@asynccontextmanager
async def open_ca(config: CpmsConfig, name: str, clock: Clock) -> AsyncIterator[LocalCa]:
    """One CA alone, for a command: also beside a running back office. Raises CaSetupError, LedgerFailed."""
    try:
        ledger = await SqlLedger.open(config.database.file)
    except DatabaseInUseError:
        ledger = await SqlLedger.open_beside(config.database.file)
    async with AsyncExitStack() as stack:
        stack.push_async_callback(ledger.close)
        ca = await asyncio.to_thread(ca_from, config.cas[name], ledger, clock, allow_test_pki=config.allow_test_pki)
        stack.push_async_callback(asyncio.to_thread, ca.close)
        yield ca


def ca_from(config: LocalCaConfig, ledger: SqlLedger, clock: Clock, *, allow_test_pki: bool) -> LocalCa:
    """One CA with its files read and its key found. Raises CaSetupError."""
    material = read_ca(
        config.name,
        config.certificate,
        config.key,
        signs_lists=config.crl_file is not None,
        allow_test_pki=allow_test_pki,
    )
    return LocalCa(
        CaPlan(config.name, config.days, config.crl_days, config.crl_url),
        material.chain,
        material.key,
        records=SqlIssuingRecords(ledger),
        clock=clock,
        publish=partial(write_list, config.crl_file) if config.crl_file is not None else None,
        tell=partial(_tell, config.name),
    )


def _tell(name: str, detail: str) -> None:
    _log.info("revocation_list_written", pki=name, detail=detail)

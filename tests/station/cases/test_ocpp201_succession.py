"""OCPP 2.0.1's cases of replacing the CSMS root, AdditionalRootCertificateCheck: TC_M_09, 30 and 31."""

from pathlib import Path

import pytest
from ocpp.v201 import call

from casework201 import Case, at_work, back, certificate_of, get_variable, hash_of, listed, renew, reset, successor
from certs import Pki
from chainpilot.station.watch import ConnectFailed
from csms201 import tls_identity

pytestmark = pytest.mark.anyio

BY_TLS = pytest.mark.parametrize("profile", [2, 3])
CR = "CSMSRootCertificate"
ARC = {"additional_root_certificate_check": True}


def entries(*pkis: Pki, old: Pki | None = None) -> list[tuple[str, dict[str, str]]]:
    """What is to be listed: roots that signed themselves, or that `old`'s root has signed."""
    issuer = old.root.certificate if old is not None else None
    return [(CR, hash_of(one.root.certificate, issuer)) for one in pkis]


async def demand_listed(case: Case, *wanted: tuple[str, dict[str, str]]) -> None:
    """Exactly these CSMS roots, in any order."""
    found = await listed(case.station, CR)
    assert found is not None
    assert len(found) == len(wanted)
    assert all(one in found for one in wanted)


async def install(case: Case, pki: Pki) -> str:
    """InstallCertificate of its root as a CSMS root; its status."""
    answer = await case.station.ask(call.InstallCertificate(CR, pki.root.certificate.to_pem()))
    status: str = answer.status
    return status


async def with_successor(case: Case) -> Pki:
    """The PKI whose root takes over; in security profile 3 the station has a certificate of it."""
    new = successor(back())
    assert await get_variable(case.station, "SecurityCtrlr", "AdditionalRootCertificateCheck") == "true"
    assert await install(case, new) == "Accepted"
    case.csms.client_roots = (back(), new)
    if case.csms.arrivals[-1].profile == 3:
        done = await renew(case, new)
        assert done.status == "Accepted"
        await case.again()
        shown = case.csms.arrivals[-1].client
        assert shown is not None
        assert shown.serial_number == certificate_of(done.chain).serial_number
    return new


@BY_TLS
async def test_tc_m_09_cs_a_root_that_the_old_one_didnt_sign_is_refused(tmp_path: Path, profile: int) -> None:
    async with at_work(tmp_path, profile, store=ARC) as case:
        assert await install(case, successor(back(), signed=False)) == "Rejected"
        await demand_listed(case, *entries(back()))
        await case.reconnected()


@BY_TLS
async def test_tc_m_09_cs_a_third_root_is_refused_while_the_second_has_not_worked(tmp_path: Path, profile: int) -> None:
    async with at_work(tmp_path, profile, store=ARC) as case:
        new = successor(back())
        assert await install(case, new) == "Accepted"
        assert await install(case, successor(new, "CSMS Root G3")) == "Rejected"
        await demand_listed(case, *entries(back()), *entries(new, old=back()))


@BY_TLS
async def test_tc_m_30_cs_the_new_root_works_and_the_old_one_goes(tmp_path: Path, profile: int) -> None:
    async with at_work(tmp_path, profile, store=ARC) as case:
        new = await with_successor(case)
        await demand_listed(case, *entries(back()), *entries(new, old=back()))
        case.csms.shown = tls_identity(new)
        await reset(case.station)
        await case.again()
        await demand_listed(case, *entries(new, old=back()))
        await case.reconnected()
        case.csms.shown = tls_identity(back())
        await case.station.drop()
        await case.running.until(ConnectFailed, profile=profile)
        case.csms.shown = tls_identity(new)
        await case.again()


@BY_TLS
async def test_tc_m_31_cs_the_old_root_is_fallen_back_to(tmp_path: Path, profile: int) -> None:
    async with at_work(tmp_path, profile, store=ARC) as case:
        new = await with_successor(case)
        begun = case.csms.handshakes[profile]
        await reset(case.station)
        await case.running.until(ConnectFailed, profile=profile)
        await case.again()
        assert case.csms.handshakes[profile] - begun == 2, "the new root is tried, then the old one at once"
        await demand_listed(case, *entries(back()), *entries(new, old=back()))
        # and the new one is used as soon as it serves
        case.csms.shown = tls_identity(new)
        await case.reconnected()
        await demand_listed(case, *entries(new, old=back()))

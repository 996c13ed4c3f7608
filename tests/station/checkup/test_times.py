"""What tells that a clock is wrong, and what doesn't."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from certs import FROM, UNTIL, root, stack
from chainpilot import BUILT_AT
from chainpilot.pki.crl import CLOCK_TOLERANCE
from chainpilot.station.model import CaCertificateType
from ocsp_answers import answer, cert_id, single
from revocations import revocation_list
from station.checkup.bench import NOW, Bench, benches
from stock import put
from stores import EVSE

SECOND = timedelta(seconds=1)
LATER = datetime(2026, 7, 1, tzinfo=UTC)


@pytest.fixture
def bench() -> Iterator[Bench]:
    with benches() as bench:
        yield bench


def evidence(bench: Bench) -> str | None:
    return next((one.seen for one in bench.examine().problems if one.code == "ClockBehind"), None)


def test_a_clock_before_this_release_is_wrong(bench: Bench) -> None:
    bench.clock.set(BUILT_AT)
    assert evidence(bench) is None
    bench.clock.set(BUILT_AT - SECOND)
    assert f"this release is not older than {BUILT_AT:%Y-%m-%d} 00:00 UTC" in (evidence(bench) or "")


def test_an_ocsp_answer_from_the_future_tells_it_past_the_tolerance(bench: Bench) -> None:
    named = cert_id(bench.first, bench.v2g.issuing.certificate, "sha256")
    path = bench.keep_answer(
        bench.first, answer(bench.v2g.issuing, single(named, since=FROM, until=UNTIL), produced=LATER)
    )
    bench.clock.set(LATER - CLOCK_TOLERANCE)
    assert evidence(bench) is None
    bench.clock.set(LATER - CLOCK_TOLERANCE - SECOND)
    assert f"{path} is dated 2026-07-01 00:00 UTC" in (evidence(bench) or "")


def test_a_revocation_list_from_the_future_tells_it(bench: Bench) -> None:
    bench.settings["crl_directory"] = "crls"
    put(bench.directory / "crls/root.crl", revocation_list(bench.v2g.root, since=LATER, until=UNTIL))
    assert f"a revocation list in {bench.directory / 'crls'} is dated 2026-07-01" in (evidence(bench) or "")


def test_a_root_alone_that_has_not_begun_tells_it(bench: Bench) -> None:
    put(bench.bundle(CaCertificateType.MO), root("MO Root", domain="MO", begin=LATER).certificate.to_pem())
    assert "CN=MO Root" in (evidence(bench) or "")


def test_a_root_beside_a_valid_one_may_wait_for_its_time(bench: Bench) -> None:
    both = stack(root("MO Root", domain="MO").certificate, root("MO Root 2", domain="MO", begin=LATER).certificate)
    put(bench.bundle(CaCertificateType.MO), both)
    assert evidence(bench) is None


def test_a_leaf_whose_predecessor_holds_may_wait_for_its_time(bench: Bench) -> None:
    bench.place(EVSE, begin=LATER)
    assert evidence(bench) is None


def test_a_single_certificate_that_has_ended_says_nothing_of_the_clock(bench: Bench) -> None:
    for path in bench.directory.rglob("*.pem"):
        path.unlink()
    alone = root("MO Root", domain="MO", end=NOW - SECOND)
    put(bench.bundle(CaCertificateType.MO), alone.certificate.to_pem())
    assert "EverythingEnded" not in bench.codes
    put(bench.bundle(CaCertificateType.MO), stack(alone.certificate, root("Other", end=NOW - SECOND).certificate))
    assert "EverythingEnded" in bench.codes

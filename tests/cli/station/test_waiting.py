"""`leaves-due` and `open-requests`: what is due and what is waited for."""

import re
from datetime import timedelta
from pathlib import Path

import pytest

from certs import Pki, issue, v2g_pki
from chainpilot.cli.words import day, iso
from chainpilot.clock import SYSTEM
from chainpilot.station import EvseSecurity, StoreConfig
from chainpilot.station.model import CaCertificateType, LeafCertificateType
from cli.station.runs import station
from stores import EVSE, enrol

V2G = LeafCertificateType.V2G


@pytest.fixture
def certs(tmp_path: Path) -> Path:
    """A store with one leaf that ends in 20 days and one that ends in 2045."""
    v2g: Pki = v2g_pki()
    store = EvseSecurity(StoreConfig(tmp_path))
    assert store.install_ca(v2g.root.certificate.to_pem(), CaCertificateType.V2G).accepted
    enrol(store, v2g, common="DE*CHP*E5678*1")
    made = store.generate_certificate_signing_request(V2G, "DE", "Chargers Ltd", EVSE)
    assert made.csr is not None
    end = (SYSTEM.now() + timedelta(days=20, hours=1)).replace(microsecond=0)
    assert store.update_leaf(v2g.stack(issue(v2g.issuing, made.csr, end=end)), V2G).accepted
    return tmp_path


def test_a_leaf_that_ends_soon_is_due(certs: Path) -> None:
    run = station(certs, "leaves-due")
    end = EvseSecurity(StoreConfig(certs)).snapshot().due[0].not_after
    assert run.code == 1
    assert re.fullmatch(r"1 leaf ends before \d+ \w+ \d{4}:", run.out.splitlines()[0])
    assert run.out.splitlines()[1:] == [
        f"  V2G leaf of {EVSE}, ISO15118-2, ends in 20 days ({day(end)})",
        f"Next: chainpilot station --certs {certs} generate-certificate-signing-request TYPE --country CC "
        "--organization NAME --common NAME",
    ]
    told = station(certs, "leaves-due", "--json")
    (one,) = told.result
    assert (told.code, told.told["command"], told.told["reason"]) == (1, "leaves_due", run.out.splitlines()[0])
    assert one["certificate_type"] == "V2G"
    assert (one["common_name"], one["edition"], one["days_left"]) == (EVSE, "ISO15118-2", 20)
    assert one["not_after"] == iso(end)


@pytest.mark.parametrize(
    ("options", "count"),
    [
        (("--days", "19"), 0),
        (("--days", "21"), 1),
        (("--days", "0"), 0),
        (("--days", "36500"), 2),
        (("--before", "2020-01-01"), 0),
        (("--before", "2046-01-01"), 2),
        (("--before", "2044-12-31T23:59:59Z"), 1),
        (("--before", "2045-01-01T01:00:00+01:00"), 1),
        (("--before", "2045-01-01T00:00:01"), 2),
    ],
)
def test_the_moment_can_be_chosen(certs: Path, options: tuple[str, ...], count: int) -> None:
    run = station(certs, "leaves-due", *options, "--json")
    assert len(run.result) == count
    assert run.code == (1 if count else 0)


def test_the_configuration_tells_how_many_days_count(certs: Path) -> None:
    config = certs / "store.toml"
    config.write_text("expiring_days = 19")
    run = station(certs, "--config", config, "leaves-due")
    assert run.code == 0
    assert re.fullmatch(r"No leaf ends before \d+ \w+ \d{4}\n", run.out)


@pytest.mark.parametrize(
    ("options", "why"),
    [
        (("--before", "tomorrow"), "'tomorrow' is no time; write it as 2027-01-06 or 2027-01-06T12:00:00Z (--before)"),
        (("--before", "9999-12-31T23:59:59-01:00"), "is no time"),
        (("--before", "2027-01-01", "--days", "3"), "give --before or --days, not both"),
        (("--days", "36501"), "Invalid value for '--days'"),
        (("--days", "-1"), "Invalid value for '--days'"),
        (("--days", "x"), "Invalid value for '--days'"),
    ],
)
def test_what_is_no_moment_is_a_usage_error(certs: Path, options: tuple[str, ...], why: str) -> None:
    run = station(certs, "leaves-due", *options)
    assert run.code == 2
    assert why in " ".join(run.err.split())


def test_open_requests_are_listed_with_the_request_itself(certs: Path) -> None:
    options = ("--country", "DE", "--organization", "Chargers Ltd", "--common", "BER-1")
    csr = station(certs, "generate-certificate-signing-request", "CSMS", *options).out
    store = EvseSecurity(StoreConfig(certs))
    made_at = store.open_requests()[0].made_at
    run = station(certs, "open-requests")
    assert run.code == 0
    assert run.out.splitlines() == [
        "Waited for:",
        f"  CSMS leaf of BER-1, asked for on {day(made_at)}, no CSMS has it yet",
        f"Next: when a chain comes: chainpilot station --certs {certs} update-leaf-certificate FILE TYPE",
    ]
    (one,) = station(certs, "open-requests", "--json").result
    assert one.pop("made_at") == iso(made_at)
    assert one == {
        "certificate_type": "CSMS",
        "common_name": "BER-1",
        "organization": "Chargers Ltd",
        "edition": None,
        "key": "P-256",
        "with_csms": False,
        "csr": csr,
    }
    store.mark_request(store.open_requests()[0], with_csms=True)
    assert "a CSMS has it" in station(certs, "open-requests").out
    assert station(certs, "open-requests", "--json").result[0]["with_csms"] is True


def test_no_open_request_is_no_fault(certs: Path) -> None:
    run = station(certs, "open-requests")
    assert (run.code, run.out) == (0, "No signing request is open\n")
    assert station(certs, "open-requests", "--json").result == []

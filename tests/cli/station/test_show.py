"""`show`: everything that is installed, for people as a tree and for programs as JSON; nothing is cut."""

import base64
import os
import pty
import re
import struct
import subprocess
import termios
from contextlib import suppress
from datetime import datetime, timedelta
from fcntl import ioctl
from pathlib import Path

import pytest

from certs import Pki, csms_pki, issue, root, stack, v2g_pki
from chainpilot.cli.station.work.branches import MAX_DEPTH
from chainpilot.cli.words import day
from chainpilot.clock import SYSTEM
from chainpilot.pki.hashdata import hash_data
from chainpilot.station import EvseSecurity, StoreConfig
from chainpilot.station.model import CaCertificateType, LeafCertificateType
from cli.station.runs import END, PROGRAM, station
from forge import forge
from ocsp_answers import answer, cert_id, single
from stores import EVSE, enrol

V2G, CSMS = CaCertificateType.V2G, CaCertificateType.CSMS
LEAF = LeafCertificateType.V2G


@pytest.fixture(scope="module")
def v2g() -> Pki:
    return v2g_pki()


@pytest.fixture
def certs(tmp_path: Path) -> Path:
    return tmp_path / "certs"


@pytest.fixture
def store(certs: Path, v2g: Pki) -> EvseSecurity:
    """Roots and sub-CAs of V2G, an SECC leaf with an OCSP answer, a CSMS root with an open request."""
    csms = csms_pki()
    store = EvseSecurity(StoreConfig(certs, default_ocsp_url="http://ocsp.example"))
    for one in (v2g.root, v2g.sub1, v2g.issuing):
        assert store.install_ca(one.certificate.to_pem(), V2G).accepted
    assert store.install_ca(csms.root.certificate.to_pem(), CSMS).accepted
    enrol(store, v2g)
    made = store.generate_certificate_signing_request(LeafCertificateType.CSMS, "DE", "Chargers Ltd", "BER-1")
    assert made.csr is not None
    return store


def config(store: EvseSecurity) -> tuple[str, Path]:
    """The option that makes the command line see the store as the fixture does."""
    path = store.layout.root.parent / "store.toml"
    path.write_text('default_ocsp_url = "http://ocsp.example"')
    return "--config", path


def keep_answer(store: EvseSecurity, v2g: Pki, *, revoked: bool = False) -> datetime:
    """An answer about the leaf, an hour old and good for a week; answers since when."""
    leaf = store.snapshot().slots[0].leaves[0].leaf.certificate
    since = SYSTEM.now().replace(microsecond=0) - timedelta(hours=1)
    about = cert_id(leaf, v2g.issuing.certificate, "sha256")
    one = single(about, since=since, until=since + timedelta(days=7), revoked=since if revoked else None)
    der = answer(v2g.issuing, one, produced=since)
    outcome = store.cache_ocsp(hash_data(leaf, v2g.issuing.certificate), base64.b64encode(der).decode())
    assert outcome.accepted, outcome.reason
    return since


def due_leaf(store: EvseSecurity, v2g: Pki, days: float, common: str = "DE*CHP*E7*7") -> None:
    """A leaf that ends in so many days."""
    made = store.generate_certificate_signing_request(LEAF, "DE", "Chargers Ltd", common)
    assert made.csr is not None
    end = (SYSTEM.now() + timedelta(days=days)).replace(microsecond=0)
    assert store.update_leaf(v2g.stack(issue(v2g.issuing, made.csr, end=end)), LEAF).accepted


def test_everything_stands_in_the_tree(store: EvseSecurity, certs: Path, v2g: Pki) -> None:
    until = day(keep_answer(store, v2g) + timedelta(days=7))
    run = station(certs, *config(store), "show")
    assert (run.code, run.err) == (0, "")
    (chain,) = (certs / "client/cso").glob("CPO_CERT_*")
    assert run.out.splitlines()[1:] == [
        "├── CA certificates",
        "│   ├── V2G, in ca/v2g/V2G_ROOT_CA.pem",
        f"│   │   └── V2G Root, {END}",
        f"│   │       └── CPO Sub1, {END}, no OCSP answer kept",
        f"│   │           └── CPO Sub2, {END}, no OCSP answer kept",
        "│   ├── MO: none",
        "│   ├── CSMS, in ca/csms/CSMS_ROOT_CA.pem",
        f"│   │   └── CSMS Root, {END}",
        "│   └── MF: none",
        "├── Leaves",
        f"│   ├── V2G, {EVSE}, ISO15118-2",
        f"│   │   └── in use, {END}, key in a file, OCSP good until {until}",
        f"│   │       ├── client/cso/{chain.name}",
        f"│   │       ├── CPO Sub2, {END}, no OCSP answer kept",
        f"│   │       ├── CPO Sub1, {END}, no OCSP answer kept",
        "│   │       └── leads to V2G Root",
        "│   └── CSMS: no leaf",
        "└── Open signing requests",
        f"    └── CSMS leaf of BER-1, asked for on {day(store.open_requests()[0].made_at)}, no CSMS has it yet",
    ]
    assert re.fullmatch(rf"{certs}, \d+ \w+ \d{{4}} \d\d:\d\d(:\d\d)? UTC", run.out.splitlines()[0])


def test_programs_get_the_same_facts(store: EvseSecurity, certs: Path, v2g: Pki) -> None:
    keep_answer(store, v2g)
    run = station(certs, *config(store), "show", "--json")
    assert run.told["command"] == "show"
    assert run.told["reason"] is None
    whole = run.result
    leaf = store.snapshot().slots[0].leaves[0]
    assert (whole["directory"], whole["due"], whole["findings"]) == (str(certs), [], [])
    assert [one["certificate_type"] for one in whole["domains"]] == ["V2G", "MO", "CSMS", "MF"]
    (found,) = whole["domains"][0]["roots"]
    assert found["common_name"] == "V2G Root"
    assert found["fingerprint"] == v2g.root.certificate.fingerprint
    assert found["serial_number"] == f"{v2g.root.certificate.serial_number:x}"
    assert (found["not_before"], found["not_after"]) == ("2025-01-01T00:00:00Z", "2045-01-01T00:00:00Z")
    assert found["days_left"] == (v2g.root.certificate.not_after - SYSTEM.now()).days
    assert found["objection"] is None
    assert [(one["common_name"], one["issuer"]) for one in found["below"]] == [
        ("CPO Sub1", "V2G Root"),
        ("CPO Sub2", "CPO Sub1"),
    ]
    assert found["below"][0]["ocsp"] == {"status": "none", "until": None, "has_responder": True}
    (slot,) = whole["leaves"]
    assert (slot["certificate_type"], slot["common_name"], slot["edition"]) == ("V2G", EVSE, "ISO15118-2")
    (told,) = slot["leaves"]
    assert (told["is_in_use"], told["path"], told["key"], told["key_place"]) == (
        True,
        str(leaf.path),
        str(leaf.key),
        "file",
    )
    assert told["root"] == v2g.root.certificate.fingerprint
    assert told["ocsp"]["status"] == "good"
    assert [one["common_name"] for one in told["chain"]] == ["CPO Sub2", "CPO Sub1"]
    named = told["certificate_hash_data"]
    assert named["serial_number"] == f"{leaf.leaf.certificate.serial_number:x}"
    (request,) = whole["requests"]
    assert (request["certificate_type"], request["common_name"], request["key"]) == ("CSMS", "BER-1", "P-256")


def test_the_hash_data_shown_deletes_the_certificate(store: EvseSecurity, certs: Path) -> None:
    named = station(certs, "show", "--json").result["leaves"][0]["leaves"][0]["certificate_hash_data"]
    options = [word for name, value in named.items() for word in (f"--{name.replace('_', '-')}", value)]
    assert station(certs, "delete-certificate", *options).code == 0
    assert store.snapshot().slots == ()


def test_an_empty_store_is_told_with_the_first_command(certs: Path) -> None:
    certs.mkdir()
    run = station(certs, "show")
    assert run.code == 0
    assert run.out.splitlines()[-2:] == [
        "What to do:",
        f"  the store is empty; begin with: chainpilot station --certs {certs} install-ca-certificate FILE V2G",
    ]
    told = station(certs, "show", "--json").result
    assert [one["roots"] for one in told["domains"]] == [[], [], [], []]
    assert told["leaves"] == []


def test_a_missing_store_is_told_with_the_first_command(certs: Path) -> None:
    run = station(certs, "show")
    assert run.code == 3
    assert run.err.endswith(f"chainpilot station --certs {certs} install-ca-certificate FILE V2G\n")


def test_a_leaf_that_ends_soon_is_told_with_the_command_that_renews_it(
    store: EvseSecurity, certs: Path, v2g: Pki
) -> None:
    due_leaf(store, v2g, 3.5)
    run = station(certs, "show")
    assert run.code == 1
    end = day(store.snapshot().due[0].not_after)
    assert f"in use, ends in 3 days ({end}), due, key in a file" in run.out
    assert run.out.splitlines()[-2:] == [
        "What to do:",
        f"  V2G leaf of DE*CHP*E7*7, ISO15118-2, ends in 3 days ({end}): chainpilot station --certs {certs} "
        "generate-certificate-signing-request V2G --country DE --organization 'Chargers Ltd' --common 'DE*CHP*E7*7'",
    ]
    told = station(certs, "show", "--json")
    assert (told.code, told.told["reason"]) == (1, "1 leaf due")
    assert [(one["common_name"], one["days_left"]) for one in told.result["due"]] == [("DE*CHP*E7*7", 3)]


def test_a_leaf_whose_renewal_is_under_way_waits_for_its_chain(store: EvseSecurity, certs: Path, v2g: Pki) -> None:
    due_leaf(store, v2g, 3.5)
    store.generate_certificate_signing_request(LEAF, "DE", "Chargers Ltd", "DE*CHP*E7*7")
    run = station(certs, "show")
    assert run.out.splitlines()[-1].endswith(
        f": it is asked for; when the chain comes: chainpilot station --certs {certs} update-leaf-certificate FILE V2G"
    )


def test_problems_are_counted_and_lead_to_the_doctor(store: EvseSecurity, certs: Path) -> None:
    (certs / "client/cso/broken.pem").write_text("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n")
    (certs / "client/csms").mkdir(exist_ok=True)
    (certs / "client/csms/broken.pem").write_text("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n")
    run = station(certs, "show")
    assert run.code == 1
    assert run.out.splitlines()[-1] == f"  2 problems: chainpilot station --certs {certs} doctor"
    told = station(certs, "show", "--json")
    assert told.told["reason"] == "2 problems"
    assert [sorted(one) for one in told.result["findings"]] == [["path", "why"], ["path", "why"]]
    del store


def test_a_root_that_does_not_count_says_why(certs: Path) -> None:
    bundle = certs / "ca/v2g/V2G_ROOT_CA.pem"
    bundle.parent.mkdir(parents=True)
    bundle.write_text(root("TEST Root", test=True).certificate.to_pem())
    why = "it belongs to a test PKI; only allow_test_pki admits it"
    assert f"TEST Root, {END}, doesn't count: {why}" in station(certs, "show").out
    assert station(certs, "show", "--json").result["domains"][0]["roots"][0]["objection"] == why
    assert "doesn't count" not in station(certs, "--allow-test-pki", "show").out


@pytest.mark.parametrize("count", [MAX_DEPTH - 1, MAX_DEPTH, MAX_DEPTH + 1, 3 * MAX_DEPTH])
def test_a_long_row_of_cas_is_drawn_whole_and_no_deeper_than_the_bound(certs: Path, count: int) -> None:
    row = [root("Root")]
    for number in range(count):
        row.append(forge(f"Sub{number}", row[-1], ca=True))
    bundle = certs / "ca/v2g/V2G_ROOT_CA.pem"
    bundle.parent.mkdir(parents=True)
    bundle.write_text(stack(*(one.certificate for one in row)))
    lines = [line for line in station(certs, "show").out.splitlines() if "Sub" in line]
    assert [re.findall(r"Sub\d+", line) for line in lines] == [[f"Sub{number}"] for number in range(count)]
    depths = [line.index("Sub") // 4 for line in lines]
    assert [depth - depths[0] for depth in depths] == [min(number, MAX_DEPTH) for number in range(count)]


def test_orphans_and_broken_ways_are_told(certs: Path, v2g: Pki) -> None:
    bundle = certs / "ca/v2g/V2G_ROOT_CA.pem"
    bundle.parent.mkdir(parents=True)
    bundle.write_text(stack(v2g.sub1.certificate))
    (certs / "client/cso").mkdir(parents=True)
    leaf = forge(EVSE, v2g.issuing, begin=SYSTEM.now() - timedelta(days=9), end=SYSTEM.now() - timedelta(days=2))
    (certs / "client/cso/a.pem").write_text(stack(leaf.certificate, v2g.issuing.certificate))
    run = station(certs, "show")
    assert f"CPO Sub1, {END}, no OCSP responder named, leads to no root here" in run.out
    assert "└── leads to no root here" in run.out
    assert f"not in use, ended 2 days ago ({day(leaf.certificate.not_after)}), no key fits" in run.out


def test_a_leaf_that_begins_later_is_not_yet_in_use(store: EvseSecurity, certs: Path, v2g: Pki) -> None:
    made = store.generate_certificate_signing_request(LEAF, "DE", "Chargers Ltd", EVSE)
    assert made.csr is not None
    begin = (SYSTEM.now() + timedelta(days=5.5)).replace(microsecond=0)
    assert store.update_leaf(v2g.stack(issue(v2g.issuing, made.csr, begin=begin)), LEAF).accepted
    run = station(certs, "show")
    assert f"├── not yet in use, begins in 5 days ({day(begin)}), key in a file" in run.out
    assert f"└── in use, {END}" in run.out


def test_a_revoked_leaf_says_so(store: EvseSecurity, certs: Path, v2g: Pki) -> None:
    when = keep_answer(store, v2g, revoked=True)
    assert f"key in a file, REVOKED on {day(when)}" in station(certs, "show").out
    told = station(certs, "show", "--json").result["leaves"][0]["leaves"][0]["ocsp"]
    assert told["status"] == "revoked"
    assert sorted(told) == ["has_responder", "revoked_at", "status", "until"]


def test_an_outdated_answer_is_told_as_one(store: EvseSecurity, certs: Path, v2g: Pki) -> None:
    keep_answer(store, v2g)
    leaf = store.snapshot().slots[0].leaves[0].leaf.certificate
    since = SYSTEM.now().replace(microsecond=0) - timedelta(days=9)
    about = cert_id(leaf, v2g.issuing.certificate, "sha256")
    (der,) = certs.rglob("*_ocsp.der")
    der.write_bytes(answer(v2g.issuing, single(about, since=since, until=since + timedelta(days=1)), produced=since))
    assert "OCSP answer outdated" in station(certs, "show").out
    der.write_bytes(b"rubbish")
    assert "OCSP answer unusable: " in station(certs, "show").out
    told = station(certs, "show", "--json").result["leaves"][0]["leaves"][0]["ocsp"]
    assert told["status"] == "unusable"
    der.write_bytes(answer(v2g.issuing, single(about, since=SYSTEM.now(), until=None, unknown=True)))
    assert re.search("unknown to its OCSP responder|OCSP answer", station(certs, "show").out)


def in_terminal(columns: int, *arguments: str | Path, **environment: str) -> str:
    """What a terminal of that width is sent."""
    screen, terminal = pty.openpty()
    ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 50, columns, 0, 0))
    settings = {**os.environ, "TERM": "xterm-256color", **environment}
    settings.pop("COLUMNS", None)
    with subprocess.Popen(
        [PROGRAM, "station", *arguments], stdin=terminal, stdout=terminal, stderr=terminal, env=settings
    ):
        os.close(terminal)
        seen = b""
        with suppress(OSError):
            while more := os.read(screen, 1 << 16):
                seen += more
    os.close(screen)
    return seen.decode()


def plain(text: str) -> str:
    """Without colours, and without the tree's own lines and breaks."""
    return "".join(re.sub(r"\x1b\[[0-9;]*m", "", text).translate(dict.fromkeys(map(ord, "│├└─ \r\n"))))


@pytest.mark.parametrize("columns", [30, 40, 60, 80, 200])
def test_nothing_is_cut_on_a_narrow_terminal(store: EvseSecurity, certs: Path, v2g: Pki, columns: int) -> None:
    due_leaf(store, v2g, 3.5)
    (certs / "client/cso/broken.pem").write_text("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n")
    wide = station(certs, "show").out
    narrow = in_terminal(columns, "--certs", certs, "show")
    assert re.sub(r"\d\d:\d\d(:\d\d)?UTC", "", plain(narrow)) == re.sub(r"\d\d:\d\d(:\d\d)?UTC", "", plain(wide))


def test_lines_fit_the_terminal_from_forty_columns_on(store: EvseSecurity, certs: Path) -> None:
    del store
    for line in in_terminal(44, "--certs", certs, "show").splitlines():
        assert len(re.sub(r"\x1b\[[0-9;]*m", "", line).rstrip("\r")) <= 44


def test_colours_only_repeat_what_words_say(store: EvseSecurity, certs: Path, v2g: Pki) -> None:
    due_leaf(store, v2g, 3.5)
    seen = in_terminal(200, "--certs", certs, "show")
    coloured = re.findall(r"\x1b\[(?:33|1;31)m([^\x1b]*)", seen)
    assert coloured
    assert all(re.search("due|ended|REVOKED|doesn't count|no root", words) for words in coloured)
    assert "\x1b[33m" not in in_terminal(200, "--certs", certs, "show", NO_COLOR="1")
    assert "\x1b" not in station(certs, "show").out


def test_a_terminal_without_unicode_shows_everything_too(certs: Path) -> None:
    bundle = certs / "ca/v2g/V2G_ROOT_CA.pem"
    bundle.parent.mkdir(parents=True)
    bundle.write_text(root("Würzel").certificate.to_pem())
    done = subprocess.run(
        [PROGRAM, "station", "--certs", certs, "show"],
        capture_output=True,
        check=False,
        env={**os.environ, "PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0", "LC_ALL": "C"},
    )
    assert done.returncode == 0
    assert f"W\\xfcrzel, {END}".encode() in done.stdout


def test_a_name_that_steers_a_terminal_is_shown_harmless(certs: Path) -> None:
    bundle = certs / "ca/v2g/V2G_ROOT_CA.pem"
    bundle.parent.mkdir(parents=True)
    bundle.write_text(root("Evil\x1b[2J [bold]Root").certificate.to_pem())
    out = station(certs, "show").out
    assert "\x1b" not in out
    assert "Evil\\x1b[2J [bold]Root, " in out

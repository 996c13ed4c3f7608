"""`chainpilot cpms trust` and `ca`: decisions at the shell, beside a running back office, with the right exit code."""

import asyncio
import json
import stat
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from backoffice import open_back_office
from certs import v2g_pki
from chainpilot.cli import app
from chainpilot.cli.exits import Exit
from chainpilot.clock import SYSTEM
from chainpilot.cpms.app import Cpms
from chainpilot.cpms.config import CpmsConfig, load_config
from chainpilot.cpms.ports import IssuedBag
from chainpilot.pki.crl import load_crl
from chainpilot.pki.trust import LeafUse
from forge import forge
from localcas import csr_of
from rawserver import make_identity

__all__: list[str] = []

ROOT = v2g_pki().root.certificate
LISTENER = """
[database]
file = "cpms.sqlite"
[[listener]]
name = "password"
profile = 2
host = "127.0.0.1"
port = 0
certificate = "server.pem"
key = "server.key"
"""


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """A configuration, and a root in a file beside it."""
    make_identity(tmp_path, "127.0.0.1")
    (tmp_path / "root.pem").write_text(ROOT.to_pem())
    file = tmp_path / "cpms.toml"
    file.write_text(LISTENER)
    return file


def run(config: Path, *words: str, code: Exit = Exit.DONE) -> str:
    """What the command prints; it ends with that code."""
    ended = CliRunner().invoke(app, ["cpms", *words, "--config", str(config)])
    assert ended.exit_code == code, ended.output
    return ended.output


def told(config: Path, *words: str) -> Any:
    """The same as an object."""
    return json.loads(run(config, *words, "--json"))


def imported(config: Path) -> None:
    """The root is proposed."""
    run(config, "trust", "import", str(config.with_name("root.pem")), "--domain", "V2G")


def test_a_root_is_imported_listed_and_approved_by_its_whole_fingerprint(config: Path) -> None:
    imported(config)
    assert ROOT.fingerprint in run(config, "trust", "list", "--state", "proposed")
    refused = run(config, "trust", "approve", ROOT.fingerprint[:16], code=Exit.USAGE)
    assert "a part proves nothing" in refused
    run(config, "trust", "approve", ROOT.fingerprint, "--by", "Ada", "--why", "read out")
    assert "Already so" in run(config, "trust", "approve", ROOT.fingerprint.upper(), "--by", "Ada")
    (one,) = told(config, "trust", "list")["certificates"]
    assert (one["state"], one["changed_by"], one["why"]) == ("approved", "Ada", "read out")
    changes = told(config, "trust", "history", ROOT.fingerprint)["changes"]
    assert [(line["before"], line["after"]) for line in changes] == [(None, "proposed"), ("proposed", "approved")]
    assert "by Ada: read out" in run(config, "trust", "history")


def test_what_can_not_be_decided_ends_with_a_code_of_its_own(config: Path) -> None:
    run(config, "trust", "approve", "00" * 32, code=Exit.NOT_FOUND)
    imported(config)
    run(config, "trust", "reject", ROOT.fingerprint)
    run(config, "trust", "withdraw", ROOT.fingerprint, code=Exit.CONFLICT)
    assert "No CA certificate is approved." in run(config, "trust", "list", "--state", "approved")


def test_an_import_that_leaves_something_out_says_so(config: Path) -> None:
    config.with_name("root.pem").write_text(ROOT.to_pem() + forge("Leaf").certificate.to_pem())
    said = run(config, "trust", "import", str(config.with_name("root.pem")), "--domain", "MO", code=Exit.NEEDS_SOMEBODY)
    assert "not a CA certificate" in said
    missing = config.with_name("nowhere.pem")
    assert "nowhere.pem" in run(config, "trust", "import", str(missing), "--domain", "MO", code=Exit.NEEDS_SOMEBODY)


@pytest.mark.anyio
async def test_a_decision_beside_a_running_back_office_is_taken_over(tmp_path: Path, config: Path) -> None:
    async with open_back_office(tmp_path) as office:
        cpms = office.cpms
        config.write_text(LISTENER.replace("cpms.sqlite", cpms.config.database.file.name))
        assert cpms.config.database.file.parent == tmp_path
        await cpms.trust.import_files(tmp_path / "root.pem", domain=LeafUse.V2G.domain)
        assert ROOT not in cpms.trust.anchors[LeafUse.V2G].anchors
        await _in_thread(config, "trust", "approve", ROOT.fingerprint, "--by", "Ada")
        await cpms.trust.desk.refresh()
        assert ROOT in cpms.trust.anchors[LeafUse.V2G].anchors
        await _in_thread(config, "trust", "withdraw", ROOT.fingerprint, "--by", "Ada")
        # decided here on what was read before: looked at again, and refused for what it is now
        await cpms.trust.desk.approve(ROOT.fingerprint, by="Bob")
        assert [line.by for line in await cpms.trust.desk.history()] == ["file", "Ada", "Ada", "Bob"]


async def _in_thread(config: Path, *words: str, code: Exit = Exit.DONE) -> str:
    """As `run`: the command has a loop of its own."""
    return await asyncio.to_thread(run, config, *words, code=code)


def with_ca(config: Path) -> CpmsConfig:
    """A CA is founded and configured."""
    folder = config.parent / "ca"
    made = CliRunner().invoke(app, ["cpms", "ca", "init", "--dir", str(folder), "--organization", "Operator"])
    assert made.exit_code == Exit.DONE, made.output
    assert stat.S_IMODE((folder / "issuing.key").stat().st_mode) == 0o600
    config.write_text(
        LISTENER + '[ca.own]\ncertificate = "ca/issuing.pem"\nkey = "ca/issuing.key"\ncrl_file = "own.crl"\n'
        '[issue]\ncsms = "own"\n[trust]\ncsms = ["ca/root.pem"]\n'
    )
    return load_config(config, {})


def test_a_founded_ca_is_never_overwritten(config: Path) -> None:
    with_ca(config)
    again = ["cpms", "ca", "init", "--dir", str(config.parent / "ca"), "--organization", "Operator"]
    assert CliRunner().invoke(app, again).exit_code != 0


@pytest.mark.anyio
async def test_what_a_ca_issued_is_listed_and_revoked(config: Path) -> None:
    async with Cpms(with_ca(config), clock=SYSTEM) as cpms:
        bag = await cpms.cas["own"].simpleenroll(csr_of())
        assert isinstance(bag, IssuedBag)
        (leaf,) = bag.certificates
        serial = f"{leaf.serial_number:x}"
        assert serial in await _in_thread(config, "ca", "list", "own")
        await _in_thread(config, "ca", "revoke", "own", serial, "--reason", "superseded", "--by", "Ada")
        assert leaf.serial_number in load_crl(config.with_name("own.crl").read_bytes()).revoked
    (one,) = json.loads(await _in_thread(config, "ca", "list", "own", "--json"))["certificates"]
    assert (one["revoked_by"], one["reason"]) == ("Ada", "superseded")
    assert "already" in await _in_thread(config, "ca", "revoke", "own", serial, code=Exit.CONFLICT)


def test_a_ca_that_is_not_configured_is_not_found(config: Path) -> None:
    run(config, "ca", "list", "other", code=Exit.NOT_FOUND)


def test_the_check_of_a_configuration_names_the_ca(config: Path) -> None:
    with_ca(config)
    assert "own, a CA of our own" in run(config, "run", "--check")
    assert replace(load_config(config, {})).cas["own"].days == 365

"""`chainpilot cpms check-pki` at the shell: what it prints, for people and for programs, and how it ends."""

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from chainpilot.cli import app
from chainpilot.cli.exits import Exit
from chainpilot.testpki.app import EST_USER, TestPki

pytestmark = pytest.mark.anyio


@dataclass(frozen=True)
class Run:
    """What a run came to."""

    code: int
    out: str
    err: str


@dataclass
class Scene:
    """A test PKI, and a configuration that reaches it."""

    pki: TestPki
    config: Path

    async def check(self, *arguments: str) -> Run:
        """`check-pki`, in a thread: it runs a loop of its own."""
        words = ["cpms", "check-pki", "--config", str(self.config), *arguments]
        done = await asyncio.to_thread(CliRunner().invoke, app, words)
        assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
        return Run(done.exit_code, done.stdout, done.stderr)


@pytest.fixture
async def scene(tmp_path: Path) -> AsyncIterator[Scene]:
    """Two PKIs that are one test PKI; the second with a wrong password."""
    async with TestPki(tmp_path / "pki") as pki:
        (tmp_path / "wrong").write_text("wrong\n")
        login = f'url = "{pki.est_url}"\nlabel = "cpo"\nusername = "{EST_USER}"\ntls_ca = "pki/web_root.pem"'
        config = tmp_path / "cpms.toml"
        config.write_text(
            f"""
            [database]
            file = "c.sqlite"
            [[listener]]
            name = "two"
            profile = 2
            certificate = "x.pem"
            key = "x.key"
            [issue]
            v2g = "good"
            [trust]
            v2g = ["pki/v2g_root.pem"]
            allow_test_pki = true
            [pki.good]
            password_file = "pki/est_password"
            {login}
            [pki.bad]
            password_file = "wrong"
            {login}
            """
        )
        yield Scene(pki, config)


async def test_people_see_a_line_for_each_step(scene: Scene) -> None:
    run = await scene.check("good")
    assert run.code == Exit.DONE
    head, *lines = run.out.splitlines()
    assert head == f"good  {scene.pki.est_url}"
    assert all(line.startswith("  ok ") for line in lines[:9])
    assert lines[-1] == "Nothing to do: every step went well."
    assert run.err == ""


async def test_without_a_name_all_are_tried_and_the_worst_is_the_exit_code(scene: Scene) -> None:
    run = await scene.check()
    assert run.code == Exit.NOT_ALLOWED
    assert "  refused   CA certificates  bad answers cacerts with 401" in run.out
    assert "do: check username and password_file" in run.out


async def test_programs_get_one_object(scene: Scene) -> None:
    run = await scene.check("--json")
    assert run.out.count("\n") == 1
    told: dict[str, Any] = json.loads(run.out)
    assert told["ok"] is False
    good, bad = told["pkis"]
    assert (good["name"], bad["name"]) == ("good", "bad")
    assert {step["grade"] for step in good["steps"]} == {"ok"}
    assert bad["steps"][-1]["facts"] == {"reason": "PkiLoginRefused", "status": 401, "trace": None}
    assert set(bad["steps"][-1]) == {"step", "grade", "seen", "do", "facts"}


async def test_a_certificate_is_issued_only_with_enrol_and_a_warning(scene: Scene) -> None:
    await scene.check("good")
    assert scene.pki.issued == ()
    run = await scene.check("good", "--enrol", "DE*ICE*E0001", "--organization", "Operator")
    assert run.out.splitlines()[-1] == "Every step went well. Revoke the certificate that was issued."
    assert run.code == Exit.DONE
    assert "which may cost money" in run.err
    assert len(scene.pki.issued) == 1


@pytest.mark.parametrize(
    ("arguments", "code", "why"),
    [
        (("nobody",), Exit.NOT_FOUND, "has no [pki.nobody]; there are bad, good"),
        (("--enrol", "DE*ICE*E0001", "--organization", "O"), Exit.USAGE, "--enrol asks one PKI"),
        (("good", "--enrol", "DE*ICE*E0001"), Exit.USAGE, "--enrol needs --organization"),
        (("good", "--enrol", "CS-1", "--organization", "O"), Exit.USAGE, "a name for client certificates"),
        (("good", "--enrol", "DE*ICE*E1", "--organization", "O" * 99), Exit.USAGE, "--country and --organization"),
    ],
)
async def test_what_can_not_be_done_is_a_sentence(
    arguments: tuple[str, ...], code: Exit, why: str, scene: Scene
) -> None:
    run = await scene.check(*arguments)
    assert (run.code, run.out) == (code, "")
    assert why in run.err
    assert scene.pki.issued == ()


@pytest.mark.parametrize(
    ("text", "code", "why"),
    [(None, Exit.NOT_FOUND, "can't be read"), ("[database", Exit.USAGE, "is not TOML"), ("", Exit.USAGE, "listener")],
)
async def test_a_configuration_that_can_not_be_used_is_a_sentence(
    text: str | None, code: Exit, why: str, scene: Scene
) -> None:
    scene.config.unlink()
    if text is not None:
        scene.config.write_text(text)
    run = await scene.check()
    assert (run.code, run.out) == (code, "")
    assert why in run.err

"""The page of contract decisions tells what the table in the code does, and its examples run."""

import contextlib
import io
import re
import textwrap
from collections.abc import Iterator
from pathlib import Path

import pytest

from agents_contracts import World, contract, mo_pki
from agents_voice import ScriptedVoice
from chainpilot.station.agent.contracts.authorization import DEADLINE_SECONDS, RESERVE_SECONDS, Contracts
from chainpilot.station.agent.contracts.decisions import CACHE_TIME, MAX_CERTIFICATE
from chainpilot.station.agent.contracts.ev_certificate import DEADLINE_SECONDS as EV_SECONDS
from chainpilot.station.agent.contracts.ev_certificate import MAX_ADVISED, MAX_SCHEMA_VERSION, EvCertificates
from chainpilot.station.agent.contracts.rules import CHAIN_WORDS, RULES
from chainpilot.station.model import CaCertificateType
from chainpilot.wire.ocpp201 import AuthorizationStatus
from chainpilot.wire.pnc.fields import MAX_EXI_REQUEST, MAX_EXI_RESPONSE
from chainpilot.wire.pnc.hashes import MAX_ASKED
from chainpilot.wire.pnc.messages import (
    AuthorizeRequest,
    AuthorizeResponse,
    Get15118EVCertificateResponse,
    IdTokenInfo,
    PncRequest,
    PncResponse,
)
from chainpilot.wire.pnc.words import AuthorizeCertificateStatus, CertificateAction, Iso15118EvCertificateStatus
from stores import store_with

PAGE = (Path(__file__).parents[2] / "docs/reference/contract-authorization.md").read_text(encoding="utf-8")


def rows(header: str) -> Iterator[list[str]]:
    """The cells of the table with that header."""
    (table,) = re.findall(rf"^{re.escape(header)}\n\|[-|]+\n((?:\|.*\n)+)", PAGE, re.MULTILINE)
    for line in table.splitlines():
        yield [cell.strip() for cell in line.strip("|").split("|")]


def test_the_page_has_every_decision_in_its_order_and_no_other() -> None:
    told = list(rows("| decision | when | may charge | basis | reason |"))
    assert told == [
        [f"`{ground.value}`", rule.when, "**yes**" if rule.accepted else "no", rule.basis.value, rule.sentence]
        for ground, rule in RULES.items()
    ]


def test_the_page_has_the_word_for_every_verdict() -> None:
    told = list(rows("| the store's verdict | `certificate_status` |"))
    assert told == [[reason.value, word.value] for reason, word in CHAIN_WORDS.items()]


def test_the_page_s_figures_are_the_code_s() -> None:
    assert (DEADLINE_SECONDS, RESERVE_SECONDS, EV_SECONDS) == (30, 0.5, 4.5)
    assert (CACHE_TIME.total_seconds(), MAX_ASKED) == (24 * 3600, 4)
    assert f"within {EV_SECONDS:g} seconds" in PAGE
    assert f"deadline_seconds={DEADLINE_SECONDS:g}" in PAGE
    assert f"else for {CACHE_TIME.total_seconds() / 3600:g} hours" in PAGE
    assert f"at most {MAX_CERTIFICATE} characters" in PAGE
    assert f"at most {MAX_ASKED} certificates" in PAGE
    assert f"than the {MAX_ADVISED} characters of 1.6's text" in PAGE
    assert f"hasn't 1 to {MAX_SCHEMA_VERSION} characters" in PAGE
    for limit in (MAX_EXI_REQUEST, MAX_EXI_RESPONSE):
        assert f"{limit:_} characters".replace("_", " ") in PAGE


def csms(request: PncRequest) -> PncResponse:
    if isinstance(request, AuthorizeRequest):
        return AuthorizeResponse(IdTokenInfo(AuthorizationStatus.ACCEPTED), AuthorizeCertificateStatus.ACCEPTED)
    return Get15118EVCertificateResponse(Iso15118EvCertificateStatus.ACCEPTED, "gJwC")


@pytest.mark.anyio
async def test_the_page_s_examples_run_as_they_stand(tmp_path: Path) -> None:
    pki = mo_pki()
    world = World(store_with(tmp_path, (CaCertificateType.MO, pki)))
    names: dict[str, object] = {
        "Contracts": Contracts,
        "EvCertificates": EvCertificates,
        "CertificateAction": CertificateAction,
        "security": world.security,
        "memory": world.memory,
        "settings": world.settings,
        "voice": ScriptedVoice(csms),
        "clock": world.clock,
        "chain_pem": pki.stack(contract(pki).certificate),
        "exi_request_base64": "gJgC",
    }
    blocks = re.findall(r"^```python\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
    said = io.StringIO()
    with contextlib.redirect_stdout(said):
        for block in blocks:
            exec(f"async def example():\n{textwrap.indent(block, '    ')}", names)
            example = names["example"]
            assert callable(example)
            await example()
    assert said.getvalue().splitlines() == [
        "True CSMS Accepted Accepted",
        "the CSMS accepted the contract: certificateStatus Accepted, idTokenInfo.status Accepted",
        "Accepted gJwC",
    ]

"""What the pages show works: code runs, configurations load, links lead somewhere, every key is told."""

import contextlib
import io
import json
import re
import runpy
import tomllib
from pathlib import Path
from typing import Any

import pytest

from chainpilot.cpms.config import config_from
from chainpilot.cpms.config.document import Document
from chainpilot.cpms.model import Reason
from chainpilot.pki.chain import Chain
from chainpilot.pki.csr import inspect_csr
from chainpilot.pki.encoding import PemLabel, recognise
from chainpilot.wire.pnc.codec import DecodedRequest, decode_request, decode_response
from chainpilot.wire.pnc.dialects import Dialect
from chainpilot.wire.pnc.messages import GetInstalledCertificateIdsResponse
from chainpilot.wire.version import OcppVersion
from forge import forge, v2g_hierarchy
from tokens import PIN, soft_tokens

ROOT = Path(__file__).parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])


def blocks(page: str, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", (ROOT / page).read_text(), re.MULTILINE | re.DOTALL)


def test_the_store_s_page_runs_as_it_stands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    code, connecting, with_token = blocks("docs/howto/station-store.md", "python")
    v2g = v2g_hierarchy(years=30)

    def chain_pem_for(csr: str) -> str:
        request = inspect_csr(recognise(csr, PemLabel.CERTIFICATE_REQUEST).blocks[0])
        leaf = forge(request.common_name, v2g.sub2, public_key=request.public_key, end=v2g.leaf.certificate.not_after)
        return Chain(leaf.certificate, (v2g.sub2.certificate, v2g.sub1.certificate)).to_pem()

    said = io.StringIO()
    names = {
        "root_pem": v2g.root.certificate.to_pem(),
        "chain_pem_for": chain_pem_for,
        "connected_to_csms": lambda _: True,
    }
    pin = tmp_path / "pin"
    pin.write_text(PIN)
    pin.chmod(0o600)
    with soft_tokens(tmp_path / "tokens") as tokens, contextlib.redirect_stdout(said):
        tokens.add("station")
        places = {
            "/etc/everest/certs": str(tmp_path / "certs"),
            "/usr/lib/softhsm/libsofthsm2.so": str(tokens.module),
            "/etc/chainpilot/pin": str(pin),
        }
        for block in (code, connecting, with_token):
            exec(re.sub("|".join(places), lambda found: places[found[0]], block), names)
    assert said.getvalue().splitlines() == ["Accepted", "Accepted", "Accepted", "Accepted 3", "Accepted"]
    assert list((tmp_path / "certs/client/cso").glob("*.tkey"))


def test_the_configuration_page_s_example_is_one_the_loader_takes() -> None:
    text, without_tls = blocks("docs/reference/cpms-configuration.md", "toml")
    document = Document.model_validate(tomllib.loads(text + without_tls))
    assert document.pki["hubject"].label == "cpo"
    assert [listener.profile for listener in document.listener] == [2, 3, 1]


def test_every_key_of_the_configuration_is_on_its_page_with_its_default() -> None:
    page = (ROOT / "docs/reference/cpms-configuration.md").read_text()
    sections = dict(re.findall(r"^## \[+([a-z]+).*?\]+\n(.*?)(?=^## |\Z)", page, re.MULTILINE | re.DOTALL))
    schema = Document.model_json_schema()
    for name, field in schema["properties"].items():
        assert_keys_told(name, str(field), sections[name], schema["$defs"])


def assert_keys_told(name: str, reference: str, told: str, defined: dict[str, Any]) -> None:
    """The section and the tables inside it."""
    kind = re.search(r"#/\$defs/(\w+)", reference)
    assert kind is not None, name
    for key, described in defined[kind[1]].get("properties", {}).items():
        row = re.search(rf"^\|[^|]*`{key}`[^|]*\|([^|]*)\|", told, re.MULTILINE)
        assert row is not None, f"[{name}] {key} is not on the page"
        default = described.get("default")
        if isinstance(default, int | float) and not isinstance(default, bool):
            assert row[1].strip() == f"{default:g}", f"[{name}] {key}"
        if "#/$defs/" in str(described):
            table = told.partition(f"`[{name}.NAME.{key}]`")[2].partition("\n\n`[")[0]
            assert_keys_told(f"{name}.NAME.{key}", str(described), table, defined)


@pytest.mark.parametrize("text", blocks("docs/howto/pki.md", "toml"), ids=lambda text: text.split("]")[0][1:])
def test_every_pki_on_its_page_is_one_the_loader_takes(text: str, tmp_path: Path) -> None:
    for folder in ("anchors", "secrets"):
        (tmp_path / folder).mkdir()
    for name in re.findall(r'"(anchors/[^"]+)"', text):
        (tmp_path / name).write_text(v2g_hierarchy().root.certificate.to_pem())
    for name in re.findall(r'_file = "(secrets/[^"]+)"', text):
        (tmp_path / name).write_text("correct-horse-battery")
    rest = {"database": {"file": "x"}, "listener": [{"name": "a", "profile": 2, "certificate": "x", "key": "x"}]}
    config = config_from({**tomllib.loads(text), **rest}, tmp_path, {})
    (pki,) = config.pkis.values()
    assert set(config.issue.values()) == {pki.name}
    assert "{" not in pki.paths.cacerts + pki.paths.simpleenroll


def test_every_reason_why_a_station_gets_no_ocsp_answer_is_explained() -> None:
    page = (ROOT / "docs/howto/ocsp.md").read_text()
    told = set(re.findall(r"^\| `(\w+)` \|", page, re.MULTILINE))
    assert told == {one.value for one in Reason if one.name.startswith("OCSP_")} | {Reason.TOO_MANY_REQUESTS.value}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_between_pages_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text()):
        assert (page.parent / target).exists(), f"{page.name} links to {target}"


def test_the_readme_has_real_output_of_the_demo() -> None:
    shown = re.search(r"<!-- demo -->\n```\n(.*?)```\n<!-- /demo -->", (ROOT / "README.md").read_text(), re.DOTALL)
    assert shown is not None
    assert "Every step held" in shown[1]


def test_the_page_of_messages_is_that_of_the_tables() -> None:
    made = runpy.run_path(str(ROOT / "tools/message_page.py"))
    assert made["PAGE"].read_text(encoding="utf-8") == made["page"](), "python tools/message_page.py writes it anew"


def test_the_page_of_messages_shows_frames_that_are_read_as_the_same_message() -> None:
    asked_h, answered_h, asked, answered = map(json.loads, blocks("docs/reference/pnc-messages.md", "json"))
    in_h = decode_request(asked_h[2], asked_h[3], OcppVersion.V16)
    in_201 = decode_request(asked[2], asked[3], OcppVersion.V201)
    assert isinstance(in_h, DecodedRequest)
    assert isinstance(in_201, DecodedRequest)
    assert in_h.request == in_201.request
    said = decode_response(in_h.request, Dialect.H, answered_h[2])
    assert isinstance(said, GetInstalledCertificateIdsResponse)
    said_in_201 = decode_response(in_201.request, Dialect.V201, answered[2])
    assert isinstance(said_in_201, GetInstalledCertificateIdsResponse)
    (chain,) = said_in_201.chains
    flat = [one.certificate_hash_data for one in said.chains]
    assert flat == [chain.certificate_hash_data, *chain.child_certificate_hash_data]

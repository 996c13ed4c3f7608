"""Whatever is handed to a command, it answers with its own words and exit codes; no exception escapes."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from certs import Pki, v2g_pki
from chainpilot.station import EvseSecurity, StoreConfig
from chainpilot.station.model import CaCertificateType
from cli.station.runs import station
from stores import enrol

CODES = {0, 1, 2, 3, 7}
V2G = v2g_pki()
MATERIAL = V2G.stack(V2G.root.certificate).encode()
COMMANDS = (
    ("install-ca-certificate", "-", "MO"),
    ("update-leaf-certificate", "-", "V2G"),
    ("verify-certificate", "-", "V2G", "MO"),
    ("get-mo-ocsp-request-data", "-"),
    ("delete-certificate", "--certificate", "-", "--yes"),
    ("update-ocsp-cache", "-", "--issuer-name-hash", "aa", "--issuer-key-hash", "bb", "--serial-number", "1"),
)


@pytest.fixture(scope="module")
def certs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store with a leaf."""
    directory = Path(tmp_path_factory.mktemp("store"))
    pki: Pki = V2G
    store = EvseSecurity(StoreConfig(directory))
    assert store.install_ca(pki.root.certificate.to_pem(), CaCertificateType.V2G).accepted
    enrol(store, pki)
    return directory


@st.composite
def broken(draw: st.DrawFn) -> bytes:
    """A stack, in PEM or DER, with some of its bytes exchanged or missing."""
    data = bytearray(draw(st.sampled_from((MATERIAL, V2G.sub1.certificate.der))))
    for place in draw(st.lists(st.integers(0, len(data) - 1), max_size=4)):
        data[place] = draw(st.integers(0, 255))
    return bytes(data[: draw(st.integers(0, len(data)))])


@pytest.mark.parametrize("command", COMMANDS, ids=lambda words: words[0])
@settings(max_examples=25)
@given(data=st.one_of(st.binary(max_size=300), broken()))
def test_no_bytes_bring_a_command_down(certs: Path, command: tuple[str, ...], data: bytes) -> None:
    run = station(certs, *command, "--json", stdin=data)
    assert run.code in CODES
    assert run.told["command"] == command[0].replace("-", "_")
    assert (run.told["reason"] is None) <= (run.code == 0)
    assert station(certs, *command, stdin=data).code in CODES


TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=50)


@settings(max_examples=25)
@given(name=TEXTS, key=TEXTS, serial=TEXTS)
def test_no_hash_data_brings_a_command_down(certs: Path, name: str, key: str, serial: str) -> None:
    options = (f"--issuer-name-hash={name}", f"--issuer-key-hash={key}", f"--serial-number={serial}")
    run = station(certs, "delete-certificate", *options, "--json")
    assert run.code in {2, 3}


@settings(max_examples=25)
@given(country=TEXTS, organization=TEXTS, common=TEXTS)
def test_no_name_brings_a_request_down(certs: Path, country: str, organization: str, common: str) -> None:
    options = (f"--country={country}", f"--organization={organization}", f"--common={common}")
    run = station(certs, "generate-certificate-signing-request", "V2G", *options, "--json")
    assert run.code in {0, 1}
    assert run.result["status"] in {"Accepted", "GenerationError"}


@settings(max_examples=25)
@given(text=TEXTS)
def test_no_moment_brings_a_list_down(certs: Path, text: str) -> None:
    assert station(certs, "leaves-due", f"--before={text}", "--json").code in {0, 1, 2}

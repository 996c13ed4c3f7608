"""The password shows in the field that is for it and nowhere else: no log, repr, error, finding or file, and no key."""

import gc
import json
import logging
import os
from base64 import b64encode
from collections.abc import Callable, Iterator
from pathlib import Path
from types import BuiltinFunctionType, FunctionType, ModuleType
from typing import Any

import pytest

from certs import Pki, key_pem, root, v2g_pki
from chainpilot.pki.keys import KeySpec, generate_private_key
from chainpilot.station import EvseSecurity, StoreConfig
from chainpilot.station.first_interface import EvseSecurity2023
from chainpilot.station.layout import Layout, StoreConfigError
from chainpilot.station.model import CaCertificateType, LeafCertificateType, Secret
from chainpilot.station.schema import to_json
from clocks import SetClock
from forge import NOON
from ocsp_answers import answer, cert_id, single
from stock import leaf, named, place
from stores import EVSE, StoppingFiles, enrol, open_store, store_with, tree

V2G = LeafCertificateType.V2G
DOMAIN = CaCertificateType.V2G
PASSWORD = "correct-horse-battery-staple"
SECRET_OF_KEYS = "PRIVATE KEY"


@pytest.fixture(scope="module")
def v2g() -> Pki:
    return v2g_pki()


@pytest.fixture(autouse=True)
def _everything_is_logged(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    with caplog.at_level(logging.DEBUG):
        yield
    shown = "\n".join(f"{record.getMessage()} {record.args!r} {record.exc_text}" for record in caplog.records)
    assert PASSWORD not in shown
    assert SECRET_OF_KEYS not in shown


def stocked(directory: Path, v2g: Pki, **settings: Any) -> EvseSecurity:
    """A store with a password, a root, a leaf and an open request."""
    store = store_with(directory, (DOMAIN, v2g), private_key_password=PASSWORD, clock=SetClock(NOON), **settings)
    enrol(store, v2g)
    store.generate_certificate_signing_request(V2G, "DE", "Operator", EVSE)
    return store


def commands(store: EvseSecurity, v2g: Pki) -> dict[str, Callable[[], Any]]:
    """Every public command with arguments that work, and with such that don't."""
    first = EvseSecurity2023(store)
    pem, chain = v2g.root.certificate.to_pem(), v2g.stack(leaf(v2g).certificate)
    subject = named(v2g.sub1.certificate, v2g.root.certificate)
    der = b64encode(answer(v2g.root, single(cert_id(v2g.sub1.certificate, v2g.root.certificate)))).decode()
    made: dict[str, Callable[[], Any]] = {
        "install_ca_certificate": lambda: (
            store.install_ca_certificate(pem, DOMAIN),
            store.install_ca(root("Second").certificate.to_pem(), DOMAIN),
            store.install_ca("rubbish", DOMAIN),
            store.install_ca(chain, "?"),
        ),
        "update_leaf_certificate": lambda: (
            store.update_leaf_certificate(chain, V2G),
            store.update_leaf("rubbish", None),
            store.update_leaf(chain, "?"),
        ),
        "verify_certificate": lambda: (store.verify_certificate(chain, [V2G]), store.validate("rubbish", [V2G])),
        "get_installed_certificates": lambda: store.get_installed_certificates(["V2GCertificateChain"]),
        "get_installed_sub_cas": lambda: store.get_installed_sub_cas(1),
        "get_leaf_certificate_info": lambda: (
            store.get_leaf_certificate_info(V2G, include_ocsp=True),
            store.get_leaf_certificate_info("?"),
        ),
        "get_all_valid_certificates_info": lambda: store.get_all_valid_certificates_info(V2G, include_ocsp=True),
        "get_key_pair": lambda: first.get_key_pair(V2G, "PEM"),
        "get_leaf_expiry_days_count": lambda: store.get_leaf_expiry_days_count(V2G),
        "has_leaf": lambda: store.has_leaf(V2G),
        "requests_waiting": store.requests_waiting,
        "usable_leaves": lambda: store.usable_leaves(V2G),
        "leaves_due": lambda: store.leaves_due(NOON.replace(year=2099)),
        "get_v2g_ocsp_request_data": store.get_v2g_ocsp_request_data,
        "get_mo_ocsp_request_data": lambda: store.get_mo_ocsp_request_data(chain),
        "ocsp_standing": store.ocsp_standing,
        "contract_standing": lambda: (store.contract_standing(chain), store.contract_standing("rubbish")),
        "is_ca_certificate_installed": lambda: store.is_ca_certificate_installed(DOMAIN),
        "get_verify_file": lambda: store.get_verify_file(DOMAIN),
        "get_verify_location": lambda: store.get_verify_location(DOMAIN),
        "verify_file_signature": lambda: store.verify_file_signature(__file__, pem, "AAAA"),
        "generate_certificate_signing_request": lambda: (
            store.generate_certificate_signing_request(V2G, "DE", "Operator", "DE*CHP*E1234*2"),
            store.generate_certificate_signing_request(V2G, "Germany", "Operator", EVSE),
            store.generate_certificate_signing_request(V2G, "DE", "Operator", EVSE, use_tpm=True),
        ),
        "open_requests": store.open_requests,
        "mark_request": lambda: store.mark_request(store.open_requests()[0], with_csms=True),
        "give_up_request": lambda: store.give_up_request(store.open_requests()[0]),
        "update_ocsp_cache": lambda: (store.cache_ocsp(subject, der), store.cache_ocsp(subject, "rubbish")),
        "findings": store.findings,
        "snapshot": lambda: store.snapshot(detailed=True),
        "trust_anchors": lambda: store.trust_anchors(DOMAIN),
        "csms_roots": store.csms_roots,
        "csms_roots_named": lambda: store.csms_roots_named(subject),
        "csms_root_worked": lambda: store.csms_root_worked(v2g.root.certificate),
        "checkup": store.checkup,
        "examination": store.examination,
        "run_housekeeping": store.run_housekeeping,
        "delete_certificate": lambda: (
            store.delete(subject),
            store.delete(named(v2g.root.certificate, v2g.root.certificate)),
        ),
    }
    return made


NAMES = tuple(commands(open_store(Path("/nowhere")), v2g_pki()))
HANDED_OVER = {"usable_leaves", "get_leaf_certificate_info", "get_all_valid_certificates_info", "get_key_pair"}
"""What seed 001 and seed 000 hand the password over by, and what the agent dials with."""


def test_every_public_command_is_among_them() -> None:
    public = {name for name in dir(EvseSecurity) if not name.startswith("_")}
    aside = {"layout", "subscribe", "subscribe_expiring", "subscribe_room"}
    with_reasons = {"install_ca", "update_leaf", "delete", "validate", "cache_ocsp"}
    assert public - aside - with_reasons == set(NAMES) - {"get_key_pair"}


@pytest.mark.parametrize("name", NAMES)
def test_no_command_shows_the_password(tmp_path: Path, v2g: Pki, name: str, capsys: pytest.CaptureFixture[str]) -> None:
    store = stocked(tmp_path, v2g)
    answers = commands(store, v2g)[name]()
    for one in answers if isinstance(answers, tuple) else (answers,):
        assert PASSWORD not in repr(one) + str(one) + f"{one}"
        assert (PASSWORD in deep(one)) is (name in HANDED_OVER and "Rejected" not in repr(one).title())
    assert "".join(capsys.readouterr()) == ""


def deep(value: Any) -> str:
    """Everything that a program can read out of an answer."""
    try:
        return json.dumps(to_json(value))
    except TypeError:
        return repr(value)


@pytest.mark.parametrize("name", NAMES)
def test_no_command_shows_the_password_while_the_disk_fails(tmp_path: Path, v2g: Pki, name: str) -> None:
    held = stocked(tmp_path, v2g)
    files = StoppingFiles(3)
    broken = open_store(tmp_path, private_key_password=PASSWORD, clock=SetClock(NOON), files=files)
    assert PASSWORD not in repr(commands(broken, v2g)[name]())
    assert held.is_ca_certificate_installed(DOMAIN)


def test_no_object_that_knows_the_password_shows_it(tmp_path: Path, v2g: Pki) -> None:
    store = stocked(tmp_path, v2g)
    config = StoreConfig(tmp_path, private_key_password=PASSWORD)
    for one in (config, Layout.of(config), store, store.layout, store.layout.keys, vars(store), Secret(PASSWORD)):
        assert PASSWORD not in repr(one) + str(one)


@pytest.mark.parametrize("password", [PASSWORD, PASSWORD * 100, f"{PASSWORD}\0", f"{PASSWORD}\ud800", f"{PASSWORD}é"])
def test_no_objection_to_a_password_shows_it(tmp_path: Path, v2g: Pki, password: str) -> None:
    store = open_store(tmp_path, private_key_password=password)
    made = store.generate_certificate_signing_request(V2G, "DE", "Operator", EVSE)
    assert PASSWORD not in repr(made)
    place(store, v2g, leaf(v2g))
    assert PASSWORD not in repr(store.get_leaf_certificate_info(V2G))
    with pytest.raises(StoreConfigError) as raised:
        Layout.of(StoreConfig(tmp_path, private_key_password=password, v2g_ca_bundle=""))
    assert PASSWORD not in str(raised.value)


KEYS: dict[str, Callable[[], bytes]] = {
    "under another password": lambda: (
        b"-----BEGIN ENCRYPTED PRIVATE KEY-----\nMIIB\n-----END ENCRYPTED PRIVATE KEY-----\n"
    ),
    "broken off": lambda: key_pem(generate_private_key(KeySpec.P256))[:100],
    "garbage": lambda: os.urandom(200),
    "somebody else's": lambda: key_pem(generate_private_key(KeySpec.P256)),
}


@pytest.mark.parametrize("what", KEYS)
def test_findings_about_keys_show_neither_password_nor_key(tmp_path: Path, v2g: Pki, what: str) -> None:
    store = open_store(tmp_path, private_key_password=PASSWORD)
    data = KEYS[what]()
    place(store, v2g, leaf(v2g), key=data)
    told = repr((store.findings(), store.get_leaf_certificate_info(V2G)))
    assert PASSWORD not in told
    body = data.decode("latin-1").splitlines()
    assert not any(line in told for line in body if len(line) > 30 and "KEY" not in line)


def test_no_file_holds_the_password_and_no_key_lies_open(tmp_path: Path, v2g: Pki) -> None:
    store = stocked(tmp_path, v2g)
    for name in NAMES:
        commands(store, v2g)[name]()
        for path, data in tree(tmp_path).items():
            assert PASSWORD.encode() not in data, (name, path)
            assert b"BEGIN PRIVATE KEY" not in data, (name, path)


def test_only_key_files_are_private_and_all_of_them_are(tmp_path: Path, v2g: Pki) -> None:
    """station-store.md row 5, over everything that a store writes in its life."""
    store = stocked(tmp_path, v2g)
    for name in NAMES:
        commands(store, v2g)[name]()
    keys = [path for path in tmp_path.rglob("*.key") if path.is_file()]
    assert keys
    for path in keys:
        assert path.stat().st_mode & 0o777 == 0o600
    assert {path.stat().st_mode & 0o777 for path in tmp_path.glob("client/cso/*.pem")} == {0o644}
    assert (tmp_path / ".chainpilot").stat().st_mode & 0o777 == 0o700
    assert (tmp_path / "client/cso").stat().st_mode & 0o777 == 0o700


def test_the_memory_of_a_store_holds_no_key(tmp_path: Path, v2g: Pki) -> None:
    """What is remembered of a key file is a digest."""
    store = store_with(tmp_path, (DOMAIN, v2g))
    one = leaf(v2g)
    placed = place(store, v2g, one)
    assert store.get_leaf_certificate_info(V2G).info is not None
    line = placed.key.read_bytes().splitlines()[1]
    held = list(reachable(store))
    assert any(isinstance(value, bytes) and placed.single.read_bytes() == value for value in held), "it was looked at"
    assert not any(isinstance(value, bytes) and line in value for value in held)
    assert not any(isinstance(value, str) and line.decode() in value for value in held)


def reachable(start: object) -> Iterator[object]:
    """Everything that an object holds, however deep; what belongs to the interpreter left out."""
    seen, waiting = set[int](), [start]
    while waiting:
        one = waiting.pop()
        if id(one) not in seen and not isinstance(one, type | ModuleType | FunctionType | BuiltinFunctionType):
            seen.add(id(one))
            waiting.extend(gc.get_referents(one))
            yield one


def test_what_a_subscriber_raises_is_logged_without_the_password(tmp_path: Path, v2g: Pki) -> None:
    store = stocked(tmp_path, v2g)

    def fails(_: object) -> None:
        raise RuntimeError("a subscriber's own trouble")

    store.subscribe(fails)
    assert store.install_ca(root("Second").certificate.to_pem(), DOMAIN).accepted

"""Every row of the store's page about what can be wrong, produced and compared with the real answer."""

import errno
import os
import re
from collections.abc import Callable
from datetime import UTC, datetime
from enum import Enum
from pathlib import Path

import pytest

from certs import FROM, UNTIL, Pki, issue, root, stack, v2g_pki
from chainpilot.station import EvseSecurity
from chainpilot.station.model import CaCertificateType, LeafCertificateType
from chainpilot.station.vault import OsFiles
from clocks import SetClock
from forge import forge
from stores import EVSE, enrol, open_store, store_with

PAGE = Path(__file__).parents[2] / "docs/howto/station-store.md"
ROW = re.compile(r"^\| `(\w+)` \| `(\w+)` \| ([^|]+?) \| [^|]+ \|$", re.MULTILINE)
V2G = LeafCertificateType.V2G
DOMAIN = CaCertificateType.V2G
ENDED = {"begin": FROM, "end": datetime(2026, 5, 1, tzinfo=UTC)}

Case = Callable[[Path, Pki], Enum]


def csr_of(store: EvseSecurity) -> str:
    made = store.generate_certificate_signing_request(V2G, "DE", "Operator", EVSE)
    assert made.csr is not None
    return made.csr


def delivery(text: Callable[[Pki, str], str]) -> Case:
    """update_leaf with what is made of the request, in a store that trusts the PKI."""

    def case(directory: Path, v2g: Pki) -> Enum:
        store = store_with(directory, (DOMAIN, v2g))
        return store.update_leaf(text(v2g, csr_of(store)), V2G).result

    return case


def no_root(directory: Path, v2g: Pki) -> Enum:
    store = open_store(directory)
    return store.update_leaf(v2g.enrol(csr_of(store)), V2G).result


def only_a_test_root(directory: Path, _: Pki) -> Enum:
    pki = v2g_pki(test=True)
    store_with(directory, (DOMAIN, pki), allow_test_pki=True)
    store = open_store(directory)
    return store.update_leaf(pki.enrol(csr_of(store)), V2G).result


def offer(pem: Callable[[Pki], str]) -> Case:
    """install_ca in an empty store."""
    return lambda directory, v2g: open_store(directory).install_ca(pem(v2g), DOMAIN).result


def unreadable_bundle(directory: Path, v2g: Pki) -> Enum:
    store = open_store(directory)
    bundle = store.layout.bundles[DOMAIN]
    bundle.parent.mkdir(parents=True)
    bundle.write_bytes(v2g.root.certificate.to_pem().encode("utf-16"))
    return store.install_ca(root("Second Root").certificate.to_pem(), DOMAIN).result


class MountedBundle(OsFiles):
    """The system lets nobody replace the bundle."""

    def rename(self, source: Path, target: Path) -> None:
        if target.name == "V2G_ROOT_CA.pem":
            raise OSError(errno.EBUSY, os.strerror(errno.EBUSY), str(source), None, str(target))
        super().rename(source, target)


def mounted_bundle(directory: Path, v2g: Pki) -> Enum:
    store_with(directory, (DOMAIN, v2g))
    store = open_store(directory, files=MountedBundle())
    outcome = store.install_ca(root("Second Root").certificate.to_pem(), DOMAIN)
    assert str(store.layout.bundles[DOMAIN]) in (outcome.reason or "")
    assert "mount its directory" in (outcome.reason or "")
    assert tuple(store.trust_anchors(DOMAIN)) == (v2g.root.certificate,)
    return outcome.result


def full_store(directory: Path, v2g: Pki) -> Enum:
    store = store_with(directory, (DOMAIN, v2g), max_certificates=1)
    return store.install_ca(root("Second Root").certificate.to_pem(), DOMAIN).result


def csms_roots(*generations: int) -> Case:
    """The last of these is offered where additional roots are checked, after the others; each signed the next one."""

    def case(directory: Path, _: Pki) -> Enum:
        line = [root("CSMS Root 0")]
        for number in range(1, max(generations) + 1):
            line.append(forge(f"CSMS Root {number}", line[-1], ca=True, begin=FROM, end=UNTIL))
        store = open_store(directory, additional_root_certificate_check=True)
        *before, last = (
            store.install_ca(line[one].certificate.to_pem(), CaCertificateType.CSMS) for one in generations
        )
        assert all(one.accepted for one in before)
        return last.result

    return case


def request(country: str, common: str) -> Case:
    return lambda directory, _: (
        open_store(directory).generate_certificate_signing_request(V2G, country, "Operator", common).status
    )


def key_gone(directory: Path, v2g: Pki) -> Enum:
    store = store_with(directory, (DOMAIN, v2g))
    enrol(store, v2g)
    next((directory / "client/cso").glob("*.key")).unlink()
    return store.get_leaf_certificate_info(V2G).status


def leaf_ended(directory: Path, v2g: Pki) -> Enum:
    enrol(store_with(directory, (DOMAIN, v2g)), v2g)
    store = open_store(directory, clock=SetClock(datetime(2050, 1, 1, tzinfo=UTC)))
    return store.get_leaf_certificate_info(V2G).status


CASES: dict[tuple[str, str], Case] = {
    ("update_leaf", "no root of that domain is installed"): no_root,
    ("update_leaf", "Sub1 or Sub2 is missing behind the leaf"): delivery(
        lambda v2g, csr: stack(issue(v2g.issuing, csr), v2g.issuing.certificate)
    ),
    ("update_leaf", "the only root is one of a test PKI"): only_a_test_root,
    ("update_leaf", "the leaf is not first"): delivery(
        lambda v2g, csr: stack(v2g.issuing.certificate, v2g.sub1.certificate, issue(v2g.issuing, csr))
    ),
    ("update_leaf", "the leaf doesn't fit its profile"): delivery(lambda v2g, csr: v2g.enrol(csr, domain="MO")),
    ("update_leaf", "its organization is not the one asked for"): delivery(
        lambda v2g, csr: v2g.enrol(csr, organization="Somebody")
    ),
    ("update_leaf", "its common name is not the one asked for"): delivery(
        lambda v2g, csr: v2g.enrol(csr, common_name="DE*CHP*E9*9")
    ),
    ("update_leaf", "a certificate of the path has ended"): delivery(lambda v2g, csr: v2g.enrol(csr, **ENDED)),
    ("update_leaf", "the text is no certificate"): delivery(lambda _, __: "rubbish"),
    ("update_leaf", "the store has no key for this leaf"): delivery(
        lambda v2g, _: v2g.stack(forge(EVSE, v2g.issuing, begin=FROM, end=UNTIL).certificate)
    ),
    ("install_ca", "a root of a test PKI"): offer(lambda _: root("Test", test=True).certificate.to_pem()),
    ("install_ca", "a sub-CA whose issuer is not installed"): offer(lambda v2g: v2g.sub1.certificate.to_pem()),
    ("install_ca", "additional CSMS roots are checked, and the root that is there didn't sign it"): csms_roots(0, 2),
    ("install_ca", "no connection with the last CSMS root has worked yet"): csms_roots(0, 1, 2),
    ("install_ca", "it has ended or not begun"): offer(lambda _: root("Old", **ENDED).certificate.to_pem()),
    ("install_ca", "more than one certificate"): offer(lambda v2g: v2g.root.certificate.to_pem() * 2),
    ("install_ca", "the bundle holds something that is neither PEM nor DER"): unreadable_bundle,
    ("install_ca", "the bundle's file is mounted by itself"): mounted_bundle,
    ("install_ca", "the store is full"): full_store,
    ("generate_certificate_signing_request", "a V2G name that is neither EVSEID nor SECCID"): request("DE", "hello"),
    ("generate_certificate_signing_request", "a country that is not two capital letters"): request("Germany", EVSE),
    ("get_leaf_certificate_info", "the key is gone or has another password"): key_gone,
    ("get_leaf_certificate_info", "every leaf has ended or not begun"): leaf_ended,
}
TOLD = {(call, why): answer for call, answer, why in ROW.findall(PAGE.read_text())}


@pytest.fixture(scope="module")
def v2g() -> Pki:
    return v2g_pki()


def test_every_row_of_the_page_is_tried_and_nothing_else() -> None:
    assert set(TOLD) == set(CASES)


@pytest.mark.parametrize(("call", "why"), CASES, ids=lambda words: words.replace(" ", "-"))
def test_the_page_tells_what_the_store_answers(tmp_path: Path, v2g: Pki, call: str, why: str) -> None:
    assert CASES[call, why](tmp_path, v2g).value == TOLD[call, why]


def test_every_setting_of_the_store_is_on_the_page() -> None:
    page = PAGE.read_text()
    settings = [name for name in open_store(Path("/nowhere")).layout.config.__slots__ if name != "certs_dir"]
    assert [name for name in settings if f"`{name}`" not in page] == []

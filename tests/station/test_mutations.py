"""The store under mutated chains and names of certificates: no exception, no false accept, nothing changed on disk."""

import random
import warnings
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from random import Random

import pytest
from cryptography.utils import CryptographyDeprecationWarning

from certs import Pki, root, v2g_pki
from chainpilot.pki.certificate import Certificate, load_certificates
from chainpilot.pki.encoding import PemLabel, TextEncoding, write_blocks
from chainpilot.pki.hashdata import CertificateHashData, HashAlgorithm
from chainpilot.station import EvseSecurity
from chainpilot.station.model import (
    CaCertificateType,
    CertificateType,
    CertificateValidationResult,
    DeleteCertificateResult,
    InstallCertificateResult,
    LeafCertificateType,
)
from mutations import damaged_der, damaged_text, grafted, held
from stores import EVSE, enrol, store_with, tree

V2G = LeafCertificateType.V2G
FULL = 10_000
FEWEST = 500
ENCODINGS = (TextEncoding.PEM, TextEncoding.PEM, TextEncoding.PEM, TextEncoding.HEX_DER, TextEncoding.BASE64_DER)


class Target:
    """A store with a root, an installed leaf and an open request, the chain that would answer it, and CAs that fit."""

    def __init__(self, directory: Path) -> None:
        pki: Pki = v2g_pki()
        self.directory = directory
        self.store: EvseSecurity = store_with(directory, (CaCertificateType.V2G, pki))
        self.installed = load_certificates(enrol(self.store, pki, common="DE*CHP*E9"))
        csr = self.store.generate_certificate_signing_request(V2G, "DE", "Operator", EVSE).csr
        assert csr is not None
        self.chain = load_certificates(pki.enrol(csr))
        self.ca = (root("Second Root").certificate, pki.sub1.certificate)
        self.before = tree(directory)

    def holds_the_chain(self, text: str) -> bool:
        """Whether the text still holds what would be accepted as a leaf's chain."""
        leaf, *above = (one.der for one in self.chain)
        found = held(text)
        return found[:1] == (leaf,) and set(above) <= set(found)

    def holds_a_ca(self, text: str) -> bool:
        return held(text) in {(one.der,) for one in self.ca}

    def offer(self, text: str) -> str:
        """Put the text before every command that takes one; answers what came of it."""
        if self.store.verify_certificate(text, [V2G]) is CertificateValidationResult.VALID:
            assert self.holds_the_chain(text), text
            return "whole"
        assert self.store.update_leaf_certificate(text, V2G) is not InstallCertificateResult.ACCEPTED, text
        if self.holds_a_ca(text):
            return "whole"
        installed = self.store.install_ca_certificate(text, CaCertificateType.V2G)
        assert installed is not InstallCertificateResult.ACCEPTED, text
        self.store.get_mo_ocsp_request_data(text)
        assert tree(self.directory) == self.before
        return "refused"


@pytest.fixture(scope="module")
def target(tmp_path_factory: pytest.TempPathFactory) -> Target:
    return Target(tmp_path_factory.mktemp("store"))


@pytest.fixture(autouse=True)
def odd_serials() -> Iterator[None]:
    """The library warns of serial numbers that aren't positive; what comes of them is what is tested."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", CryptographyDeprecationWarning)
        yield


def mutated(certificates: tuple[Certificate, ...], dice: Random) -> tuple[str, str]:
    """What was damaged, and a text of these certificates with it: one or several of them, or the text itself."""
    ders = [one.der for one in certificates]
    encoding = dice.choice(ENCODINGS)
    if dice.random() < 0.4:
        return damaged_text(write_blocks(ders, PemLabel.CERTIFICATE, encoding), dice)
    word = ""
    for place in dice.sample(range(len(ders)), 1 + dice.randrange(len(ders))):
        word, ders[place] = damaged_der(ders[place], dice)
    if len(ders) > 1 and dice.random() < 0.1:
        word, ders[0] = "part of another", grafted(certificates[0].der, certificates[1].der, dice)
    return word, write_blocks(ders, PemLabel.CERTIFICATE, encoding)


@pytest.mark.scaled
def test_ten_thousand_mutated_chains_give_no_exception_and_no_false_accept(target: Target, scale: float) -> None:
    """Bytes flipped, cut off and put in, fields swapped, extensions doubled, lengths changed, PEM in every ruin."""
    dice = random.Random(20261120)
    told = Counter[str]()
    for _ in range(max(FEWEST, round(FULL * scale))):
        certificates = dice.choice((target.chain, target.chain, target.chain, *((one,) for one in target.ca)))
        _, text = mutated(certificates, dice)
        told[target.offer(text)] += 1
    assert told["refused"] > told["whole"] > 0, told


@pytest.mark.scaled
def test_no_mutated_name_of_a_certificate_deletes_it(target: Target, scale: float) -> None:
    kinds = [CertificateType.V2G_ROOT_CERTIFICATE, CertificateType.V2G_CERTIFICATE_CHAIN]
    listed = target.store.get_installed_certificates(kinds).certificate_hash_data_chain
    names = [name for entry in listed for name in (entry.certificate_hash_data, *entry.child_certificate_hash_data)]
    assert len(names) > 1
    dice = random.Random(20261124)
    for _ in range(max(FEWEST, round(FULL * scale))):
        name = misnamed(dice.choice(names), dice)
        if any(name.matches(other) for other in names):
            continue
        assert target.store.delete_certificate(name) is not DeleteCertificateResult.ACCEPTED
        assert tree(target.directory) == target.before


def misnamed(name: CertificateHashData, dice: Random) -> CertificateHashData:
    field = dice.choice(("hash_algorithm", "issuer_name_hash", "issuer_key_hash", "serial_number"))
    if field == "hash_algorithm":
        return replace(name, hash_algorithm=dice.choice((HashAlgorithm.SHA384, HashAlgorithm.SHA512)))
    text = getattr(name, field)
    place = dice.randrange(len(text))
    piece = dice.choice(("", "0", "f", "g", " ", "\x00", "é", "0x", text[place] * 2, text, "*", "\ud800"))
    return replace(name, **{field: text[:place] + piece + text[place + 1 :]})

"""Texts that nobody should send: no exception, no acceptance, no change on disk."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from certs import Pki, root, v2g_pki
from chainpilot.pki.certificate import load_certificates
from chainpilot.pki.encoding import PemLabel, TextEncoding, write_blocks
from chainpilot.station import EvseSecurity
from chainpilot.station.model import (
    CaCertificateType,
    CertificateValidationResult,
    InstallCertificateResult,
    LeafCertificateType,
)
from stores import EVSE, store_with, tree

V2G = LeafCertificateType.V2G


class Target:
    """A store with one root and one open request, and the chain that would fit."""

    def __init__(self, directory: Path, v2g: Pki) -> None:
        self.directory = directory
        self.store: EvseSecurity = store_with(directory, (CaCertificateType.V2G, v2g))
        csr = self.store.generate_certificate_signing_request(V2G, "DE", "Operator", EVSE).csr
        assert csr is not None
        self.chain = v2g.enrol(csr)
        self.root = root("Second Root").certificate
        self.before = tree(directory)

    def refuses(self, text: str) -> None:
        """No command takes the text, and nothing is written."""
        assert self.store.update_leaf_certificate(text, V2G) is not InstallCertificateResult.ACCEPTED
        assert not self.store.update_leaf(text, None).accepted
        assert self.store.install_ca_certificate(text, CaCertificateType.V2G) is not InstallCertificateResult.ACCEPTED
        assert self.store.verify_certificate(text, [V2G]) is not CertificateValidationResult.VALID
        assert tree(self.directory) == self.before


@pytest.fixture(scope="module")
def target(tmp_path_factory: pytest.TempPathFactory) -> Target:
    return Target(tmp_path_factory.mktemp("store"), v2g_pki())


@given(st.text())
def test_no_text_is_taken_for_a_certificate(target: Target, text: str) -> None:
    target.refuses(text)


@given(st.binary(max_size=400), st.sampled_from(TextEncoding))
def test_no_bytes_in_a_good_armour_are_taken_for_a_certificate(
    target: Target, data: bytes, encoding: TextEncoding
) -> None:
    target.refuses(write_blocks([data], PemLabel.CERTIFICATE, encoding))


@pytest.mark.scaled
def test_no_changed_byte_of_a_leaf_or_a_root_is_accepted(target: Target, scale: float) -> None:
    leaf, *above = load_certificates(target.chain)

    @settings(max_examples=max(200, round(10_000 * scale)), deadline=None)
    @given(st.integers(0, 1 << 20), st.integers(1, 255), st.booleans())
    def mutate(place: int, change: int, is_root: bool) -> None:
        der = bytearray(target.root.der if is_root else leaf.der)
        der[place % len(der)] ^= change
        blocks = [bytes(der)] if is_root else [bytes(der), *(one.der for one in above)]
        target.refuses(write_blocks(blocks, PemLabel.CERTIFICATE, TextEncoding.PEM))

    mutate()


def test_the_chain_itself_would_have_been_taken(target: Target) -> None:
    assert target.store.verify_certificate(target.chain, [V2G]) is CertificateValidationResult.VALID

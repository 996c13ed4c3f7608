"""Replacing CSMS roots against a model: in whatever order it is done, the store holds what OCPP M05.FR.10 to 14 say."""

import tempfile
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from certs import FROM, UNTIL, root, v2g_pki
from chainpilot.pki.certificate import Certificate
from chainpilot.pki.hashdata import CertificateHashData
from chainpilot.station import EvseSecurity
from chainpilot.station.model import (
    CaCertificateType,
    CertificateType,
    CertificateValidationResult,
    DeleteCertificateResult,
    LeafCertificateType,
)
from forge import Forged, forge
from stock import chains, named
from stores import open_store

CSMS = CaCertificateType.CSMS
ROOTS = CertificateType.CSMS_ROOT_CERTIFICATE
GENERATIONS = 4


def generations() -> list[Forged]:
    """Roots of which each signed the next one."""
    line = [root("CSMS Root 0")]
    for number in range(1, GENERATIONS):
        line.append(forge(f"CSMS Root {number}", line[-1], ca=True, begin=FROM, end=UNTIL))
    return line


LINE = generations()
SERVERS = [forge("csms.example", one, begin=FROM, end=UNTIL).certificate for one in LINE]
STRANGER = root("Stranger").certificate
ANY = st.integers(0, GENERATIONS - 1)


def certificate(number: int) -> Certificate:
    return LINE[number].certificate


def hash_of(number: int) -> CertificateHashData:
    return named(certificate(number), certificate(max(0, number - 1)))


class SuccessionModel(RuleBasedStateMachine):
    """The numbers of the roots that are installed, the newest first: one, and its fall-back."""

    csms_ca_bundle = "ca/csms/CSMS_ROOT_CA.pem"

    def __init__(self) -> None:
        super().__init__()
        self.place = tempfile.TemporaryDirectory()
        self.store = self._opened()
        self.roots: list[int] = []

    def teardown(self) -> None:
        self.place.cleanup()

    def _opened(self) -> EvseSecurity:
        directory = Path(self.place.name)
        return open_store(directory, additional_root_certificate_check=True, csms_ca_bundle=self.csms_ca_bundle)

    @rule(number=ANY)
    def install(self, number: int) -> None:
        accepted = self.store.install_ca(certificate(number).to_pem(), CSMS).accepted
        if number in self.roots:
            assert accepted
            return
        is_first = not self.roots and number == 0
        assert accepted == (is_first or (len(self.roots) == 1 and self.roots[0] == number - 1))
        if accepted:
            self.roots.insert(0, number)

    @rule()
    def install_a_stranger(self) -> None:
        if self.roots:
            assert not self.store.install_ca(STRANGER.to_pem(), CSMS).accepted

    @rule(number=ANY)
    def connect(self, number: int) -> None:
        gone = self.store.csms_root_worked(certificate(number))
        if self.roots[:1] == [number]:
            assert gone == tuple(certificate(one) for one in self.roots[1:])
            del self.roots[1:]
        else:
            assert gone == ()

    @rule(number=ANY)
    def delete(self, number: int) -> None:
        result = self.store.delete_certificate(hash_of(number))
        expected = DeleteCertificateResult
        assert result is (expected.ACCEPTED if number in self.roots else expected.NOT_FOUND)
        if number in self.roots:
            self.roots.remove(number)

    @rule()
    def other_roots_come_and_go(self) -> None:
        other = v2g_pki().root.certificate
        assert self.store.install_ca(other.to_pem(), CaCertificateType.V2G).accepted
        assert self.store.delete_certificate(named(other, other)) is DeleteCertificateResult.ACCEPTED

    @rule()
    def open_again(self) -> None:
        self.store = self._opened()

    @invariant()
    def it_holds_what_the_model_says(self) -> None:
        for store in (self.store, self._opened()):
            assert list(store.csms_roots()) == [certificate(number) for number in self.roots]
            assert {one.certificate_hash_data for one in chains(store, ROOTS)} == set(map(hash_of, self.roots))
            assert not store.findings()

    @invariant()
    def it_believes_whom_the_model_says(self) -> None:
        for number, server in enumerate(SERVERS):
            believed = self.store.validate(server.to_pem(), [LeafCertificateType.CSMS])
            is_valid = believed.result is CertificateValidationResult.VALID
            assert is_valid == (number in self.roots)


class DirectoryModel(SuccessionModel):
    csms_ca_bundle = "ca/csms"


@pytest.mark.scaled
@pytest.mark.parametrize("model", [SuccessionModel, DirectoryModel])
def test_roots_are_replaced_as_the_model_says(scale: float, model: type[SuccessionModel]) -> None:
    profile = settings(max_examples=max(25, round(500 * scale)), stateful_step_count=20, deadline=None)
    run_state_machine_as_test(model, settings=profile)

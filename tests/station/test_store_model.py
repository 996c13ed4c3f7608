"""The store against a model: whatever is done in whatever order, it holds what the model says and nothing else."""

import tempfile
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test

from certs import v2g_pki
from chainpilot.pki.certificate import load_certificates
from chainpilot.pki.hashdata import HashAlgorithm, hash_data
from chainpilot.station.model import (
    CaCertificateType,
    CertificateType,
    DeleteCertificateResult,
    GetCertificateInfoStatus,
    InstallCertificateResult,
    LeafCertificateType,
)
from chainpilot.station.store.requests import MAX_SUPERSEDED
from stores import EVSE, open_store, tree

PKIS = (v2g_pki(), v2g_pki())
SLOTS = (EVSE, "DE*CHP*E1234*2")
ANY_PKI = st.integers(0, len(PKIS) - 1)
ANY_SLOT = st.sampled_from(SLOTS)
V2G = LeafCertificateType.V2G


class StoreModel(RuleBasedStateMachine):
    """Roots by number, requests open and superseded by slot, installed chains with the number of their PKI."""

    def __init__(self) -> None:
        super().__init__()
        self.place = tempfile.TemporaryDirectory()
        self.store = open_store(Path(self.place.name))
        self.roots: set[int] = set()
        self.requests: dict[str, str] = {}
        self.superseded: dict[str, str] = {}
        self.operators: dict[str, str] = {}
        self.chains: dict[str, int] = {}
        self.sub_cas: set[int] = set()

    def teardown(self) -> None:
        self.place.cleanup()

    @rule(number=ANY_PKI)
    def install_root(self, number: int) -> None:
        pem = PKIS[number].root.certificate.to_pem()
        assert self.store.install_ca_certificate(pem, CaCertificateType.V2G) is InstallCertificateResult.ACCEPTED
        self.roots.add(number)

    @rule()
    def operator_empties_the_bundle(self) -> None:
        self.store.layout.bundles[CaCertificateType.V2G].unlink(missing_ok=True)
        self.roots.clear()
        self.sub_cas.clear()

    @rule(number=ANY_PKI)
    def install_sub_ca(self, number: int) -> None:
        """Below an installed root only; and again changes nothing."""
        result = self.store.install_ca_certificate(PKIS[number].sub1.certificate.to_pem(), CaCertificateType.V2G)
        if number not in self.roots:
            assert result is InstallCertificateResult.INVALID_CERTIFICATE_CHAIN
            return
        assert result is InstallCertificateResult.ACCEPTED
        self.sub_cas.add(number)

    @rule(number=ANY_PKI)
    def delete_root(self, number: int) -> None:
        """Its sub-CA goes with it, leaves stay."""
        certificate = PKIS[number].root.certificate
        result = self.store.delete_certificate(hash_data(certificate, certificate))
        expected = DeleteCertificateResult
        assert result is (expected.ACCEPTED if number in self.roots else expected.NOT_FOUND)
        self.roots.discard(number)
        self.sub_cas.discard(number)

    @rule(number=ANY_PKI, algorithm=st.sampled_from(HashAlgorithm))
    def delete_sub_ca(self, number: int, algorithm: HashAlgorithm) -> None:
        named = hash_data(PKIS[number].sub1.certificate, PKIS[number].root.certificate, algorithm)
        result = self.store.delete_certificate(named)
        expected = DeleteCertificateResult
        assert result is (expected.ACCEPTED if number in self.sub_cas else expected.NOT_FOUND)
        self.sub_cas.discard(number)

    @precondition(lambda self: bool(self.chains))
    @rule(data=st.data())
    def delete_leaf(self, data: st.DataObject) -> None:
        """Twice: the second time there is nothing."""
        chain = data.draw(st.sampled_from(sorted(self.chains)))
        named = hash_data(load_certificates(chain)[0], PKIS[self.chains.pop(chain)].issuing.certificate)
        assert self.store.delete_certificate(named) is DeleteCertificateResult.ACCEPTED
        assert self.store.delete_certificate(named) is DeleteCertificateResult.NOT_FOUND

    @rule(slot=ANY_SLOT, operator=st.sampled_from(("Operator", "Another Operator")))
    def request(self, slot: str, operator: str) -> None:
        if list(self.superseded.values()).count(slot) == MAX_SUPERSEDED:
            return
        result = self.store.generate_certificate_signing_request(V2G, "DE", operator, slot)
        assert result.csr is not None
        held = self.requests.get(slot)
        if held is not None and self.operators[held] == operator:
            assert result.csr == held
            return
        assert result.csr not in self.operators
        if held is not None:
            self.superseded[held] = slot
        self.requests[slot] = result.csr
        self.operators[result.csr] = operator

    @rule()
    def keep_house(self) -> None:
        self.store.run_housekeeping()

    @rule(slot=ANY_SLOT, number=ANY_PKI)
    def deliver(self, slot: str, number: int) -> None:
        if slot in self.requests and self._delivered(self.requests[slot], number):
            del self.requests[slot]

    @precondition(lambda self: bool(self.superseded))
    @rule(data=st.data(), number=ANY_PKI)
    def deliver_what_was_superseded(self, data: st.DataObject, number: int) -> None:
        csr = data.draw(st.sampled_from(sorted(self.superseded)))
        if self._delivered(csr, number):
            del self.superseded[csr]

    def _delivered(self, csr: str, number: int) -> bool:
        chain = PKIS[number].enrol(csr)
        result = self.store.update_leaf_certificate(chain, V2G)
        if number not in self.roots:
            assert result is InstallCertificateResult.NO_ROOT_CERTIFICATE_INSTALLED
            return False
        assert result is InstallCertificateResult.ACCEPTED
        self.chains[chain] = number
        return True

    @precondition(lambda self: bool(self.chains))
    @rule(data=st.data())
    def deliver_again(self, data: st.DataObject) -> None:
        chain = data.draw(st.sampled_from(sorted(self.chains)))
        before = tree(Path(self.place.name))
        result = self.store.update_leaf(chain, None).result
        held = self.chains[chain] in self.roots
        expected = InstallCertificateResult
        assert result is (expected.ACCEPTED if held else expected.NO_ROOT_CERTIFICATE_INSTALLED)
        assert tree(Path(self.place.name)) == before

    @rule()
    def open_again(self) -> None:
        self.store = open_store(Path(self.place.name))

    @invariant()
    def it_holds_what_the_model_says(self) -> None:
        assert self.store.is_ca_certificate_installed(CaCertificateType.V2G) == bool(self.roots)
        assert {pending.csr.common_name: pending.pem for pending in self.store.open_requests()} == self.requests
        status = self.store.get_leaf_certificate_info(V2G).status
        expected = GetCertificateInfoStatus
        assert status is (expected.ACCEPTED if self.chains else expected.NOT_FOUND)
        assert not self.store.findings()
        keys = list(self.store.layout.leaves[V2G].keys.glob("*.key"))
        assert len(keys) == len(self.requests) + len(self.superseded) + len(self.chains)

    @invariant()
    def it_lists_what_the_model_says(self) -> None:
        kinds = [CertificateType.V2G_ROOT_CERTIFICATE, CertificateType.V2G_CERTIFICATE_CHAIN]
        listed = self.store.get_installed_certificates(kinds).certificate_hash_data_chain
        serials = {f"{PKIS[number].root.certificate.serial_number:x}" for number in self.roots}
        serials |= {f"{load_certificates(chain)[0].serial_number:x}" for chain in self.chains}
        assert {entry.certificate_hash_data.serial_number for entry in listed} == serials
        roots = (one for one in listed if one.certificate_type is CertificateType.V2G_ROOT_CERTIFICATE)
        children = {child.serial_number for one in roots for child in one.child_certificate_hash_data}
        assert children == {f"{PKIS[number].sub1.certificate.serial_number:x}" for number in self.sub_cas}

    @invariant()
    def another_process_would_see_the_same(self) -> None:
        """What is remembered of the files is what they say."""
        fresh = open_store(Path(self.place.name))
        kinds = list(CertificateType)
        assert self.store.get_installed_certificates(kinds) == fresh.get_installed_certificates(kinds)
        assert self.store.get_leaf_certificate_info(V2G) == fresh.get_leaf_certificate_info(V2G)


@pytest.mark.scaled
def test_the_store_behaves_as_its_model(scale: float) -> None:
    profile = settings(max_examples=max(40, round(1000 * scale)), stateful_step_count=25, deadline=None)
    run_state_machine_as_test(StoreModel, settings=profile)

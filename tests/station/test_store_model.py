"""The store against a model: whatever is done in whatever order, it holds what the model says and nothing else."""

import tempfile
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test

from certs import v2g_pki
from chainpilot.pki.certificate import load_certificates
from chainpilot.station.model import (
    CaCertificateType,
    CertificateType,
    GetCertificateInfoStatus,
    InstallCertificateResult,
    LeafCertificateType,
)
from stores import EVSE, open_store, tree

PKIS = (v2g_pki(), v2g_pki())
SLOTS = (EVSE, "DE*CHP*E1234*2")
ANY_PKI = st.integers(0, len(PKIS) - 1)
ANY_SLOT = st.sampled_from(SLOTS)
V2G = LeafCertificateType.V2G


class StoreModel(RuleBasedStateMachine):
    """Roots by number, open requests by slot, installed chains with the number of their PKI."""

    def __init__(self) -> None:
        super().__init__()
        self.place = tempfile.TemporaryDirectory()
        self.store = open_store(Path(self.place.name))
        self.roots: set[int] = set()
        self.requests: dict[str, str] = {}
        self.chains: dict[str, int] = {}

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

    @rule(slot=ANY_SLOT)
    def request(self, slot: str) -> None:
        result = self.store.generate_certificate_signing_request(V2G, "DE", "Operator", slot)
        assert result.csr is not None
        assert result.csr == self.requests.setdefault(slot, result.csr)

    @rule(slot=ANY_SLOT, number=ANY_PKI)
    def deliver(self, slot: str, number: int) -> None:
        if slot not in self.requests:
            return
        chain = PKIS[number].enrol(self.requests[slot])
        result = self.store.update_leaf_certificate(chain, V2G)
        if number in self.roots:
            assert result is InstallCertificateResult.ACCEPTED
            del self.requests[slot]
            self.chains[chain] = number
        else:
            assert result is InstallCertificateResult.NO_ROOT_CERTIFICATE_INSTALLED

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

    @invariant()
    def it_lists_what_the_model_says(self) -> None:
        kinds = [CertificateType.V2G_ROOT_CERTIFICATE, CertificateType.V2G_CERTIFICATE_CHAIN]
        listed = self.store.get_installed_certificates(kinds).certificate_hash_data_chain
        serials = {f"{PKIS[number].root.certificate.serial_number:x}" for number in self.roots}
        usable = [chain for chain, number in self.chains.items() if number in self.roots]
        serials |= {f"{load_certificates(chain)[0].serial_number:x}" for chain in usable}
        assert {entry.certificate_hash_data.serial_number for entry in listed} == serials


@pytest.mark.scaled
def test_the_store_behaves_as_its_model(scale: float) -> None:
    profile = settings(max_examples=max(40, round(1000 * scale)), stateful_step_count=25, deadline=None)
    run_state_machine_as_test(StoreModel, settings=profile)

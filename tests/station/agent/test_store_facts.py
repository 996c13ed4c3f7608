"""What the configuration learns from a real store."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from certs import csms_pki
from chainpilot.station import EvseSecurity, StoreConfig
from chainpilot.station.agent.settings.facts import StoreFacts
from chainpilot.station.model import CaCertificateType, LeafCertificateType
from chainpilot.station.vault import VaultBusy
from clocks import SetClock
from stores import enrol, open_store


def test_an_empty_store_has_neither_root_nor_certificate(tmp_path: Path) -> None:
    facts = StoreFacts(open_store(tmp_path), SetClock())
    assert not facts.has_csms_root()
    assert not facts.has_client_certificate()
    assert facts.installed_certificates() == 0


def test_a_root_and_a_client_certificate_count_until_they_end(tmp_path: Path) -> None:
    clock, pki = SetClock(), csms_pki()
    store = open_store(tmp_path, clock=clock)
    facts = StoreFacts(store, clock)
    store.install_ca_certificate(pki.root.certificate.to_pem(), CaCertificateType.CSMS)
    assert facts.has_csms_root()
    assert not facts.has_client_certificate()
    enrol(store, pki, LeafCertificateType.CSMS, "CP1")
    assert facts.has_client_certificate()
    assert facts.installed_certificates() == 1
    clock.set(datetime(2200, 1, 1, tzinfo=UTC))
    assert not facts.has_csms_root()
    assert not facts.has_client_certificate()


def test_a_root_of_another_domain_is_no_csms_root(tmp_path: Path) -> None:
    clock, pki = SetClock(), csms_pki()
    store = open_store(tmp_path, clock=clock)
    store.install_ca_certificate(pki.root.certificate.to_pem(), CaCertificateType.V2G)
    assert not StoreFacts(store, clock).has_csms_root()
    assert StoreFacts(store, clock).installed_certificates() == 1


def test_a_store_that_can_not_be_read_is_no_empty_one(tmp_path: Path) -> None:
    holder, waiter = open_store(tmp_path), EvseSecurity(StoreConfig(tmp_path, lock_timeout_seconds=0.02))
    facts = StoreFacts(waiter, SetClock())
    with holder._vault.change():
        for ask in (facts.has_csms_root, facts.has_client_certificate, facts.installed_certificates):
            with pytest.raises(VaultBusy):
                ask()

"""Who hears of an update."""

from pathlib import Path

import pytest

from certs import root
from chainpilot.errors import OwnError
from chainpilot.station.events import Publication
from chainpilot.station.model import CaCertificateType, CertificateStoreUpdate, CertificateStoreUpdateOperation
from stores import open_store

UPDATE = CertificateStoreUpdate(CertificateStoreUpdateOperation.INSTALLED, ca_certificate_type=CaCertificateType.MO)


def test_subscribers_hear_in_the_order_they_came_until_they_leave() -> None:
    updates: Publication[CertificateStoreUpdate] = Publication("certificate_store_update")
    heard: list[str] = []
    leave = updates.subscribe(lambda _: heard.append("first"))
    updates.subscribe(lambda _: heard.append("second"))
    updates.publish(UPDATE)
    leave()
    leave()
    updates.publish(UPDATE)
    assert heard == ["first", "second", "second"]


class SurpriseError(Exception):
    """Of no family of ours."""


@pytest.mark.parametrize("error", [OwnError("no"), SurpriseError("no"), ZeroDivisionError()])
def test_a_subscriber_that_fails_keeps_nobody_else_from_hearing(
    error: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    updates: Publication[CertificateStoreUpdate] = Publication("certificate_store_update")
    heard: list[CertificateStoreUpdate] = []

    def fail(_: CertificateStoreUpdate) -> None:
        raise error

    updates.subscribe(fail)
    updates.subscribe(heard.append)
    updates.publish(UPDATE)
    assert heard == [UPDATE]
    assert "a subscriber of certificate_store_update failed" in caplog.text


def test_an_install_is_accepted_whatever_its_subscribers_raise(tmp_path: Path) -> None:
    store = open_store(tmp_path)

    def fail(_: CertificateStoreUpdate) -> None:
        raise SurpriseError

    store.subscribe(fail)
    outcome = store.install_ca(root("Root").certificate.to_pem(), CaCertificateType.MO)
    assert outcome.accepted
    assert store.is_ca_certificate_installed(CaCertificateType.MO)

"""Who hears of an update."""

from chainpilot.errors import OwnError
from chainpilot.station.events import StoreUpdates
from chainpilot.station.model import CaCertificateType, CertificateStoreUpdate, CertificateStoreUpdateOperation

UPDATE = CertificateStoreUpdate(CertificateStoreUpdateOperation.INSTALLED, ca_certificate_type=CaCertificateType.MO)


def test_subscribers_hear_in_the_order_they_came_until_they_leave() -> None:
    updates, heard = StoreUpdates(), []
    leave = updates.subscribe(lambda _: heard.append("first"))
    updates.subscribe(lambda _: heard.append("second"))
    updates.publish(UPDATE)
    leave()
    leave()
    updates.publish(UPDATE)
    assert heard == ["first", "second", "second"]


def test_a_subscriber_that_fails_keeps_nobody_else_from_hearing() -> None:
    updates = StoreUpdates()
    heard: list[CertificateStoreUpdate] = []

    def fail(_: CertificateStoreUpdate) -> None:
        raise OwnError("no")

    updates.subscribe(fail)
    updates.subscribe(heard.append)
    updates.publish(UPDATE)
    assert heard == [UPDATE]

"""Which network, and which password, root or certificate, is tried next."""

from hypothesis import given
from hypothesis import strategies as st

from chainpilot.station.agent.itinerary import Itinerary, Mean, Means
from chainpilot.station.agent.settings.values import Network

A, B, C = ((slot, Network(f"wss://csms{slot}.example", 2)) for slot in (1, 2, 3))


def test_each_network_is_tried_as_often_as_wanted_before_the_next() -> None:
    itinerary, tried = Itinerary(), []
    for _ in range(7):
        chosen = itinerary.next((A, B))
        assert chosen is not None
        tried.append(chosen[0])
        itinerary.failed((A, B), 2)
    assert tried == [1, 1, 2, 2, 1, 1, 2]


def test_a_network_that_goes_from_the_list_makes_room_for_the_first() -> None:
    itinerary = Itinerary()
    itinerary.next((A, B))
    assert itinerary.failed((A, B), 1)
    assert itinerary.next((A, B)) == B
    assert itinerary.next((A, C)) == A


def test_the_only_network_has_its_turn_for_ever() -> None:
    itinerary = Itinerary()
    for _ in range(5):
        assert itinerary.next((A,)) == A
        assert not itinerary.failed((A,), 1)


def test_a_list_that_changed_begins_anew() -> None:
    itinerary = Itinerary()
    itinerary.next((A, B))
    itinerary.failed((A, B), 1)
    assert itinerary.next((C, A, B)) == C


def test_without_networks_nothing_is_tried() -> None:
    itinerary = Itinerary()
    assert itinerary.next(()) is None
    assert not itinerary.failed((), 1)


def test_a_connection_that_worked_begins_the_list_anew() -> None:
    itinerary = Itinerary()
    itinerary.next((A, B))
    itinerary.failed((A, B), 1)
    itinerary.begin_anew()
    assert itinerary.next((A, B)) == A


@given(st.integers(0, 5), st.integers(0, 12))
def test_every_mean_is_tried_once_at_once_and_then_the_first_again(count: int, failures: int) -> None:
    means, used, more = Means(), [], []
    for _ in range(failures):
        used.append(means.index(Mean.LOGIN, count))
        more.append(means.another(Mean.LOGIN, count))
    assert used == [number % max(count, 1) for number in range(failures)]
    assert more == [(number + 1) % max(count, 1) != 0 for number in range(failures)]


def test_means_of_one_kind_dont_disturb_those_of_another() -> None:
    means = Means()
    assert means.another(Mean.CLIENT, 2)
    assert means.index(Mean.LOGIN, 2) == 0
    assert means.index(Mean.CLIENT, 2) == 1
    assert means.index(Mean.CLIENT, 1) == 0, "one that is gone is not used"
    means.begin_anew()
    assert means.index(Mean.CLIENT, 2) == 0

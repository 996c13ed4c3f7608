"""PathSearch: the shortest way first, and work that stays within its bounds whatever is sent."""

import random
import time
from collections.abc import Sequence

import pytest

from chainpilot.pki.certificate import Certificate, load_certificate
from chainpilot.pki.chain import Chain
from chainpilot.pki.paths import MAX_CANDIDATES, MAX_PATH_LENGTH, MAX_PATHS, Path, PathSearch
from chainpilot.pki.trust import TrustAnchors
from chainpilot.pki.verify import Reason, Refusal, VerifiedChain, verify
from chains import Plan
from drafts import Draft, write
from forge import NOON

AROUND = [(-1, True), (0, True), (1, False)]
HEADS = 10
"""CAs of a mesh, each of which signed all others: 90 certificates."""


@pytest.fixture
def plan() -> Plan:
    return Plan(0, random.Random(20261120), NOON)


class Ground:
    """A chain and its anchors, written and read."""

    def __init__(self, leaf: Draft, sent: Sequence[Draft], anchors: Sequence[Draft]) -> None:
        self.chain = Chain(load_certificate(write(leaf)), tuple(load_certificate(write(one)) for one in sent))
        self.anchors = TrustAnchors.admit([load_certificate(write(one)) for one in anchors])

    def search(self) -> tuple[PathSearch, list[Path]]:
        search = PathSearch(self.chain, self.anchors, NOON)
        return search, list(search.paths())

    def judge(self) -> VerifiedChain | Refusal:
        return verify(self.chain, self.anchors, NOON)

    def seconds(self) -> float:
        begin = time.process_time()
        self.judge()
        return time.process_time() - begin


def between(path: Path) -> tuple[Certificate, ...]:
    return path[1:-1]


def mesh(plan: Plan, gate: int | None) -> Ground:
    """Every CA signed every other; the root signed the one at the gate, and lets one more CA stand below it."""
    root = plan.new_ca("Root", None)
    heads = [plan.new_ca(f"Head {number}", None) for number in range(HEADS)]
    sent = [plan.again(one, above=other) for one in heads for other in heads if one is not other]
    if gate is not None:
        sent.append(plan.again(heads[gate], above=root, path_length=1))
    return Ground(plan.new_leaf("Leaf", heads[0]), sent, [root])


@pytest.mark.parametrize("gate", range(1, HEADS))
def test_the_only_short_way_through_a_mesh_is_found_wherever_it_is(plan: Plan, gate: int) -> None:
    ground = mesh(plan, gate)
    verdict = ground.judge()
    assert isinstance(verdict, VerifiedChain), verdict
    assert len(verdict.intermediates) == 2


def test_all_ways_through_a_mesh_are_too_many_to_be_tried(plan: Plan) -> None:
    search, paths = mesh(plan, 5).search()
    assert len(paths) == MAX_PATHS
    assert search.looked < MAX_CANDIDATES
    assert [len(path) for path in paths] == sorted(len(path) for path in paths)


def test_in_a_mesh_that_leads_nowhere_nothing_is_looked_at(plan: Plan) -> None:
    ground = mesh(plan, None)
    search, paths = ground.search()
    assert (search.looked, paths) == (0, [])
    verdict = ground.judge()
    assert isinstance(verdict, Refusal)
    assert verdict.reason is Reason.ISSUER_NOT_FOUND


def test_no_path_passes_the_same_ca_twice(plan: Plan) -> None:
    root, first, second = (plan.new_ca(name, None) for name in ("Root", "A", "B"))
    sent = [plan.again(first, above=second), plan.again(second, above=first), plan.again(second, above=root)]
    _, paths = Ground(plan.new_leaf("Leaf", first), sent, [root]).search()
    assert [len(between(path)) for path in paths] == [2]


@pytest.mark.parametrize("size", [60, 2000])
@pytest.mark.parametrize("ids", [True, False])
def test_in_a_crowd_of_namesakes_the_right_one_is_found(plan: Plan, size: int, *, ids: bool) -> None:
    root = plan.new_ca("Root", None)
    crowd = [plan.new_ca("Sub", root, has_ski=ids) for _ in range(size)]
    ground = Ground(plan.new_leaf("Leaf", crowd[-1]), crowd, [root])
    assert isinstance(ground.judge(), VerifiedChain)
    search, paths = ground.search()
    assert len(paths) == 1
    assert search.looked == (2 if ids else size + 1)


@pytest.mark.parametrize("size", [60, 2000])
def test_a_crowd_of_namesakes_without_the_right_one_is_refused_after_one_path(plan: Plan, size: int) -> None:
    root = plan.new_ca("Root", None)
    crowd = [plan.new_ca("Sub", root, has_ski=False) for _ in range(size)]
    ground = Ground(plan.new_leaf("Leaf", crowd.pop()), crowd, [root])
    verdict = ground.judge()
    assert isinstance(verdict, Refusal)
    assert verdict.reason is Reason.BAD_SIGNATURE
    assert len(ground.search()[1]) == 1


@pytest.mark.parametrize(("more", "fits"), AROUND)
def test_certificates_looked_at_as_issuers(plan: Plan, more: int, *, fits: bool) -> None:
    roots = [plan.new_ca("Root", None, has_ski=False, has_aki=False) for _ in range(MAX_CANDIDATES + more)]
    verdict = Ground(plan.new_leaf("Leaf", roots[-1]), [], roots).judge()
    assert isinstance(verdict, VerifiedChain) is fits, verdict


@pytest.mark.parametrize(("more", "fits"), AROUND)
def test_paths_offered_to_openssl(plan: Plan, more: int, *, fits: bool) -> None:
    """Roots of one key, of which all but the last allow no sub-CA."""
    root = plan.new_ca("Root", None)
    sub = plan.new_ca("Sub", root)
    roots = [plan.again(root, above=None, path_length=0) for _ in range(MAX_PATHS + more - 1)]
    verdict = Ground(plan.new_leaf("Leaf", sub), [sub], [*roots, root]).judge()
    assert isinstance(verdict, VerifiedChain) is fits, verdict


def deep(plan: Plan, size: int) -> list[Draft]:
    """A root and so many sub-CAs, each signed by the one before."""
    rise = [plan.new_ca("Root", None)]
    for number in range(size):
        rise.append(plan.new_ca(f"Sub {number}", rise[-1]))
    return rise


def test_a_thousand_certificates_in_a_row_are_refused_without_a_look(plan: Plan) -> None:
    root, *sent = deep(plan, 1000)
    ground = Ground(plan.new_leaf("Leaf", sent[-1]), sent, [root])
    search, paths = ground.search()
    assert (search.looked, paths) == (0, [])
    verdict = ground.judge()
    assert isinstance(verdict, Refusal)
    assert verdict.reason is Reason.INVALID_CHAIN
    assert f"more than {MAX_PATH_LENGTH}" in verdict.detail


def test_a_thousand_certificates_sent_along_do_not_hide_the_three_that_matter(plan: Plan) -> None:
    root, *sent = deep(plan, 1000)
    ground = Ground(plan.new_leaf("Leaf", sent[2]), sent, [root])
    assert isinstance(ground.judge(), VerifiedChain)
    assert ground.search()[0].looked == 4


def test_a_maze_of_one_name_is_given_up_with_a_reason(plan: Plan) -> None:
    """A thousand keys, each twice certified by the next: signatures alone can tell, and they are budgeted."""
    root = plan.new_ca("Root", None)
    heads = [plan.new_ca("Maze", None, has_ski=False) for _ in range(1000)]
    ring = zip(heads, [*heads[1:], root], strict=True)
    sent = [plan.again(one, above=other, has_ski=False, has_aki=False) for one, other in ring for _ in range(2)]
    ground = Ground(plan.new_leaf("Leaf", heads[0]), sent, [root])
    search, paths = ground.search()
    assert (search.gave_up, paths) == (True, [])
    assert search.looked < 2 * MAX_CANDIDATES
    verdict = ground.judge()
    assert isinstance(verdict, Refusal)
    assert verdict.reason is Reason.INVALID_CHAIN
    assert str(MAX_CANDIDATES) in verdict.detail


def test_the_hardest_judgement_costs_no_more_than_its_bounds_say(plan: Plan) -> None:
    """Measured in plain judgements on this machine, of three signatures each; every namesake costs one."""
    root, *subs = deep(plan, 2)
    plain = Ground(plan.new_leaf("Leaf", subs[-1]), subs, [root])
    plain.judge()
    unit = sum(plain.seconds() for _ in range(100)) / 100
    crowd = [plan.new_ca("Sub", root, has_ski=False) for _ in range(MAX_CANDIDATES - 1)]
    hard = Ground(plan.new_leaf("Hard", crowd[-1]), crowd, [root])
    assert hard.seconds() < (MAX_CANDIDATES + MAX_PATHS) * unit

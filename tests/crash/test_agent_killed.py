"""kill -9 of the agent's own process, at any moment: what it had said to the CSMS holds, and an enrolment completes."""

import asyncio
import random
import re
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from agentprocess import AgentProcess, Place
from certs import Pki, csms_pki, v2g_pki
from chainpilot.pki.trust import LeafUse
from chainpilot.station.agent.events.types import SecurityEvent, SecurityEventType, word_of
from chainpilot.station.model import CaCertificateType
from chainpilot.wire.pnc.dialects import Dialect
from chainpilot.wire.version import OcppVersion
from enrolling import PASSWORD, assert_enrolled_once
from issuing import IssuingCsms, issuing_csms

__all__: list[str] = []

pytestmark = pytest.mark.anyio

FULL = 100
"""Kills, as the issue has it."""
V16, V201 = OcppVersion.V16, OcppVersion.V201
VERSIONS = pytest.mark.parametrize("version", [V16, V201], ids=lambda one: one.value)
NEW = "ffeeddccbbaa99887766554433221100ffeeddcc"
KEYS = {
    V16: ("CertSigningWaitMinimum", "AuthorizationKey", "CpoName"),
    V201: ("SecurityCtrlr.CertSigningWaitMinimum", "SecurityCtrlr.BasicAuthPassword", "SecurityCtrlr.OrganizationName"),
}
"""The names of a wait, of the password, and of the operator."""


@pytest.fixture(scope="module")
def pkis() -> tuple[Pki, Pki]:
    return v2g_pki(), csms_pki()


class Ground:
    """A CSMS that lives on, and stations."""

    def __init__(self, directory: Path, csms: IssuingCsms, roots: dict[CaCertificateType, str]) -> None:
        self.directory = directory
        self.csms = csms
        self.roots = roots
        self._number = 0

    def place(self, version: OcppVersion) -> Place:
        """One more station."""
        self._number += 1
        name = f"CS-{self._number:04}"
        self.csms.known[name].password = PASSWORD
        return Place.make(self.directory, name, version, self.csms.port, self.roots)

    @asynccontextmanager
    async def life(self, place: Place) -> AsyncIterator[AgentProcess]:
        """One life of it, killed at the end if it still lives."""
        agent = await AgentProcess(place).start()
        self.csms.changed = agent.nudge
        try:
            yield agent
        finally:
            await agent.kill()

    async def complete(self, place: Place, use: LeafUse, agent: AgentProcess) -> None:
        """Until the enrolment is done, as far as the CSMS can tell; then SIGTERM."""
        known = self.csms.known[place.name]
        await agent.until(lambda: "booted" in agent.names)
        await agent.until(lambda: bool(known.chains) and not known.undelivered() and place.is_enrolled(use))
        assert await agent.stop() == 0
        self.assert_enrolled_once(place, use)

    def assert_enrolled_once(self, place: Place, use: LeafUse) -> None:
        """One key was asked for, one certificate issued, and one is in the store."""
        (key,) = set(self.csms.known[place.name].asked)
        assert self.csms.issued[key] == 1
        assert_enrolled_once(place.security(), place.store, use)

    def assert_no_event_lost(self, place: Place, lives: int) -> None:
        """What is in the security log was told to the CSMS, or still waits."""
        logged, waiting = place.events()
        told = {(word, milliseconds(datetime.fromisoformat(at))) for word, at in self.csms.known[place.name].events}
        settled = [event for event in logged if event not in waiting]
        assert not [one for one in settled if told.isdisjoint((word, milliseconds(one.at)) for word in words_of(one))]
        starts = Counter(event.type for event in logged)[SecurityEventType.STARTUP_OF_THE_DEVICE]
        assert starts >= lives, "each life that came as far as the CSMS had noted its start before"


@asynccontextmanager
async def ground(directory: Path, pkis: tuple[Pki, Pki]) -> AsyncIterator[Ground]:
    v2g, own = pkis
    roots = {
        CaCertificateType.V2G: v2g.root.certificate.to_pem(),
        CaCertificateType.CSMS: own.root.certificate.to_pem(),
    }
    async with issuing_csms(directory, v2g, own) as csms:
        csms.redelivers = True
        yield Ground(directory, csms, roots)


class Asker:
    """A CSMS that triggers an enrolment until the station has said Accepted, and then no more."""

    def __init__(self, use: LeafUse) -> None:
        self.use = use
        self.accepted = 0
        self.then: Any = lambda: None
        """Done right after that answer."""

    async def __call__(self, served: Any) -> None:
        """A station has booted."""
        if not self.accepted and await served.trigger(self.use) == "Accepted":
            self.accepted += 1
            self.then()


@contextmanager
def told(*what: object) -> Iterator[None]:
    """A failure inside says what was being tried."""
    try:
        yield
    except BaseException as error:
        error.add_note(str(what))
        raise


@pytest.mark.scaled
async def test_an_enrolment_outlives_kills_at_random_moments(
    tmp_path: Path, pkis: tuple[Pki, Pki], scale: float
) -> None:
    kills, seed = 0, 0
    async with ground(tmp_path, pkis) as here:
        usual = await undisturbed(here, V16, LeafUse.V2G)
        while kills < max(8, round(FULL * scale)):
            seed += 1
            chance = random.Random(seed)
            use, version = chance.choice(list(LeafUse)), chance.choice((V16, V201))
            here.csms.dialects = {chance.choice((Dialect.H, Dialect.O)), Dialect.S}
            moments = [chance.uniform(0.2, 1.1) * usual for _ in range(chance.randint(1, 4))]
            with told(seed, use, version, here.csms.dialects, moments):
                kills += await killed_and_completed(here, version, use, moments)


async def undisturbed(here: Ground, version: OcppVersion, use: LeafUse) -> float:
    """Seconds that a life takes with an enrolment and no kill."""
    begun = asyncio.get_running_loop().time()
    await killed_and_completed(here, version, use, [])
    return asyncio.get_running_loop().time() - begun


async def killed_and_completed(here: Ground, version: OcppVersion, use: LeafUse, moments: list[float]) -> int:
    """A station's lives, each killed after so many seconds, and one that is left in peace; how many were killed."""
    place = here.place(version)
    here.csms.greets = Asker(use)
    lives = 0
    for moment in moments:
        async with here.life(place) as agent:
            await asyncio.sleep(moment)
        lives += "connected" in agent.names
    async with here.life(place) as agent:
        await here.complete(place, use, agent)
    here.assert_no_event_lost(place, lives + 1)
    return len(moments)


@VERSIONS
@pytest.mark.parametrize("use", [LeafUse.V2G, LeafUse.CSMS], ids=lambda one: one.name)
async def test_an_enrolment_outlives_a_kill_after_each_line_that_the_agent_prints(
    tmp_path: Path, pkis: tuple[Pki, Pki], version: OcppVersion, use: LeafUse
) -> None:
    async with ground(tmp_path, pkis) as here:
        place = here.place(version)
        here.csms.greets = Asker(use)
        async with here.life(place) as agent:
            await here.complete(place, use, agent)
        usual = agent.names
        assert {"connected", "booted", "csr_made", "sign_certificate_sent", "certificate_received"} <= set(usual)
        for number in range(1, len(usual) + 1):
            with told(number, usual[number - 1]):
                await killed_after_line(here, version, use, number)


async def killed_after_line(here: Ground, version: OcppVersion, use: LeafUse, number: int) -> None:
    """A life that ends with its `number`-th line, and one that is left in peace."""
    place = here.place(version)
    here.csms.greets = Asker(use)
    async with here.life(place) as agent:
        agent.changed = lambda: agent.strike() if len(agent.lines) >= number else None
        await asyncio.wait_for(agent.process.wait(), 30)
    async with here.life(place) as agent:
        await here.complete(place, use, agent)
    here.assert_no_event_lost(place, 2)


@VERSIONS
@pytest.mark.parametrize("use", [LeafUse.V2G, LeafUse.CSMS], ids=lambda one: one.name)
async def test_what_a_trigger_was_promised_comes_after_a_kill_in_the_very_moment(
    tmp_path: Path, pkis: tuple[Pki, Pki], version: OcppVersion, use: LeafUse
) -> None:
    async with ground(tmp_path, pkis) as here:
        place = here.place(version)
        here.csms.greets = asker = Asker(use)
        async with here.life(place) as agent:
            asker.then = agent.strike
            await asyncio.wait_for(agent.process.wait(), 30)
        assert asker.accepted == 1
        (pending,) = place.security().open_requests()
        before = len(here.csms.known[place.name].asked)
        async with here.life(place) as agent:
            await here.complete(place, use, agent)
        assert before <= 1
        assert asker.accepted == 1, "it was not triggered again"
        assert here.csms.known[place.name].asked[-1] == pending.csr.spki_hash


@VERSIONS
async def test_settings_that_were_accepted_hold_after_a_kill_in_the_very_moment(
    tmp_path: Path, pkis: tuple[Pki, Pki], version: OcppVersion
) -> None:
    wait, _, operator = KEYS[version]
    async with ground(tmp_path, pkis) as here:
        place = here.place(version)
        for name, value in ((wait, "17"), (operator, "Another Operator"), (wait, "18")):
            await set_and_struck(here, place, name, value)
            async with here.life(place) as agent:
                got: list[str | None] = []

                async def ask(served: Any, name: str = name, got: list[str | None] = got) -> None:
                    got.append(await served.get(name))
                    here.csms.changed()

                here.csms.greets = ask
                await agent.until(lambda got=got: bool(got))  # type: ignore[misc] # - of this round
                assert await agent.stop() == 0
            assert got == [value]


async def set_and_struck(here: Ground, place: Place, name: str, value: str, answers: str = "Accepted") -> None:
    """A life that ends with the answer to that change."""
    said: list[str] = []
    async with here.life(place) as agent:

        async def change(served: Any) -> None:
            said.append(await served.set(name, value))
            agent.strike()

        here.csms.greets = change
        await asyncio.wait_for(agent.process.wait(), 30)
    assert said == [answers]


async def comes_in(here: Ground, place: Place) -> AgentProcess:
    """A life until it is at work, ended in order: what comes after a boot is said once the boot's news are written."""
    known = here.csms.known[place.name]
    told_before = len(known.events)
    async with here.life(place) as agent:
        await agent.until(lambda: "booted" in agent.names and len(known.events) > told_before)
        assert await agent.stop() == 0
    return agent


@VERSIONS
@pytest.mark.parametrize("is_taken", [True, False], ids=["the CSMS took it", "the CSMS never took it"])
async def test_after_a_change_of_password_and_a_kill_the_station_comes_in(
    tmp_path: Path, pkis: tuple[Pki, Pki], version: OcppVersion, *, is_taken: bool
) -> None:
    async with ground(tmp_path, pkis) as here:
        place = here.place(version)
        await set_and_struck(here, place, KEYS[version][1], NEW)
        here.csms.greets = Asker(LeafUse.V2G)
        if is_taken:
            here.csms.known[place.name].password = NEW
        for visit in range(2):
            agent = await comes_in(here, place)
            failures = [line["why"] for line in agent.lines if line["event"] == "connect_failed"]
            # of 1.6's key the octets are tried before the digits, which this CSMS wants; what worked is remembered
            forms = 2 if version is OcppVersion.V16 else 1
            assert len(failures) == (0 if is_taken and visit else forms - 1 if is_taken else forms)
            assert NEW not in str(agent.lines) + str(agent.remarks)
        if is_taken:
            here.csms.known[place.name].password = PASSWORD
            async with here.life(place) as agent:
                await agent.until(lambda: agent.names.count("connect_failed") >= 2)
                assert "booted" not in agent.names, "an old password is forgotten once the new one worked"


@pytest.mark.scaled
async def test_a_password_that_changes_over_and_over_under_kills_never_locks_a_station_out(
    tmp_path: Path, pkis: tuple[Pki, Pki], scale: float
) -> None:
    chance = random.Random(4711)
    async with ground(tmp_path, pkis) as here:
        place = here.place(V16)
        known = here.csms.known[place.name]
        for number in range(max(6, round(FULL * scale / 2))):
            value = f"{number:040x}"
            with told(number, known.password):
                async with here.life(place) as agent:
                    answered = asyncio.Event()
                    here.csms.greets = changing(known, value, agent, answered, chance)
                    await agent.until(answered.is_set)
                    await asyncio.sleep(chance.uniform(0.0, 0.3))
        here.csms.greets = Asker(LeafUse.V2G)
        await comes_in(here, place)


def changing(known: Any, value: str, agent: AgentProcess, answered: asyncio.Event, chance: random.Random) -> Any:
    """Sets a password; the CSMS takes it if it hears Accepted, and the kill may come before that, or after."""
    is_early = chance.random() < 0.5

    async def change(served: Any) -> None:
        if is_early:
            asyncio.get_running_loop().call_later(chance.uniform(0.0, 0.02), agent.strike)
        answered.set()
        agent.nudge()
        if await served.set("AuthorizationKey", value) == "Accepted":
            known.password = value

    return change


@pytest.mark.scaled
async def test_sigterm_ends_it_at_any_moment_in_order(tmp_path: Path, pkis: tuple[Pki, Pki], scale: float) -> None:
    async with ground(tmp_path, pkis) as here:
        for seed in range(max(5, round(FULL * scale / 4))):
            chance = random.Random(seed)
            place = here.place(chance.choice((V16, V201)))
            here.csms.greets = Asker(LeafUse.V2G)
            with told(seed):
                for _ in range(2):
                    async with here.life(place) as agent:
                        await agent.until_at_work()
                        await asyncio.sleep(chance.uniform(0.0, 0.5))
                        assert await agent.stop(5.0) == 0
                    remarks = "".join(agent.remarks)
                    assert not re.search("Traceback|incident", remarks), remarks
                async with here.life(place) as agent:
                    await here.complete(place, LeafUse.V2G, agent)
                here.assert_no_event_lost(place, 3)


def milliseconds(at: datetime) -> datetime:
    """As fine as events are told."""
    return at.replace(microsecond=at.microsecond // 1000 * 1000)


def words_of(event: SecurityEvent) -> set[str]:
    """What it is called in either version."""
    return {word_of(event.type, version) for version in (V16, V201)}

"""A station and a CSMS that says whatever a test wants, together; the store's tree and the log are watched."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from certs import Pki
from chainpilot.pki.trust import LeafUse
from chainpilot.station.adapters.memory import SqliteMemory
from chainpilot.station.agent.ports import Memory
from chainpilot.station.model import InstallCertificateResult, LeafCertificateType
from chainpilot.station.watch import Booted, CertificateReceived, SignCertificateAnswered
from chainpilot.wire.version import OcppVersion
from scripted import Answers, Conversation, ScriptedCsms, obliging, scripted_csms
from stations import Running, running_station

__all__ = ["MARK", "SECRET", "Talk", "first", "met"]

SECRET = "correct-horse-battery-4711"
MARK = "Zwieback4711"
"""Stands somewhere in what a CSMS says, and in no log."""
V16, V201 = OcppVersion.V16, OcppVersion.V201


class Talk:
    """Both ends of one test."""

    def __init__(self, csms: ScriptedCsms, running: Running, version: OcppVersion, store: Path, memory: Memory) -> None:
        self.csms = csms
        self.running = running
        self.version = version
        self.store = store
        self.memory = memory
        self.talk: Conversation

    async def begin(self) -> Conversation:
        """The next connection, once the station is accepted over it."""
        self.talk = await self.csms.conversation()
        await self.running.until(Booted, accepted=True)
        return self.talk

    async def ask(self, action: str, inner: object) -> object:
        """A Plug & Charge message in the version's own form; the answer's status, or its CALLERROR's code."""
        if self.version is V201:
            frame = await self.talk.call(action, inner)
            return frame[2] if frame[0] == 4 else frame[2].get("status")
        data = inner if isinstance(inner, str) else json.dumps(inner)
        frame = await self.talk.call("DataTransfer", {"vendorId": "iso15118", "messageId": action, "data": data})
        if frame[0] == 4:
            return frame[2]
        answer = frame[2]
        return json.loads(answer["data"]).get("status") if "data" in answer else f"DataTransfer {answer['status']}"

    async def trigger(self) -> object:
        """Have the SECC certificate asked for."""
        action = "TriggerMessage" if self.version is V201 else "ExtendedTriggerMessage"
        return await self.ask(action, {"requestedMessage": "SignV2GCertificate"})

    def chain(self, text: object, use: LeafUse = LeafUse.V2G) -> dict[str, object]:
        """CertificateSigned's fields."""
        if self.version is V201:
            return {"certificateChain": text, "certificateType": use.value}
        return {"cert": text, "typeOfCertificate": use.value}

    async def open_request(self) -> str:
        """The request for an SECC certificate, asked for by the CSMS and taken."""
        assert await self.trigger() == "Accepted"
        return await self.taken_request()

    async def taken_request(self) -> str:
        """The request for an SECC certificate, once the CSMS has taken it."""
        await self.running.until(SignCertificateAnswered, use=LeafUse.V2G, accepted=True)
        pending = self.running.station.security.open_requests()
        (found,) = (one.pem for one in pending if one.kind is LeafCertificateType.V2G)
        return found

    async def assert_serves(self, v2g: Pki) -> None:
        """The station takes the next good request, from the trigger to the certificate."""
        await self.assert_takes(await self.open_request(), v2g)

    async def assert_takes(self, csr: str, v2g: Pki) -> None:
        """The station takes the certificate for that request."""
        assert await self.ask("CertificateSigned", self.chain(v2g.enrol(csr))) == "Accepted"
        await self.running.until(CertificateReceived, result=InstallCertificateResult.ACCEPTED)


@asynccontextmanager
async def met(
    directory: Path,
    v2g: Pki,
    back: Pki,
    version: OcppVersion,
    *,
    answers: Answers = obliging,
    memory: Memory | None = None,
    **settings: Any,
) -> AsyncIterator[Talk]:
    """A station and a CSMS that is well-behaved unless `answers` say otherwise."""
    memory = memory or SqliteMemory.open(None)
    async with scripted_csms(directory, back, version) as csms:
        csms.answers = answers
        store = directory / "store"
        options = {"password": SECRET, "versions": (version,), "memory": memory, **settings}
        async with running_station(store, csms.url, v2g, back, **options) as running:
            yield Talk(csms, running, version, store, memory)


def first(answers: dict[str, list[str | bytes]]) -> Answers:
    """Answer the first call of each of these actions so, and everything else obligingly; `ID` stands for its id."""
    left = dict(answers)

    def answer(message_id: str, action: str, payload: Any) -> list[str | bytes]:
        said = left.pop(action, None)
        if said is None:
            return obliging(message_id, action, payload)
        return [one.replace("ID", message_id) if isinstance(one, str) else one for one in said]

    return answer

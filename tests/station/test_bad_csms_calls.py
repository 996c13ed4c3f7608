"""A CSMS that calls with arbitrary JSON under every name of an action: one answer each, and the station works on."""

import json
import logging
from contextlib import suppress
from copy import deepcopy
from pathlib import Path
from typing import Any, Final

import pytest
from anyio.from_thread import start_blocking_portal
from hypothesis import given, settings
from hypothesis import strategies as st
from websockets.exceptions import ConnectionClosed

from badtalk import SECRET, Talk, met
from certs import Pki, csms_pki, v2g_pki
from chainpilot.pki.trust import LeafUse
from chainpilot.station.checkup import Severity
from chainpilot.station.model import CaCertificateType
from chainpilot.wire.version import OcppVersion
from fastclock import FastClock
from scripted import Conversation

__all__: list[str] = []

V16, V201 = OcppVersion.V16, OcppVersion.V201
HASHES: Final = {
    "hashAlgorithm": "SHA256",
    "issuerNameHash": "aa" * 32,
    "issuerKeyHash": "bb" * 32,
    "serialNumber": "1f",
}
LOG: Final = {
    "log": {"remoteLocation": "http://127.0.0.1:9/log", "oldestTimestamp": "2026-06-01T00:00:00Z"},
    "logType": "SecurityLog",
    "requestId": 5,
    "retries": 0,
    "retryInterval": 1,
}
FIRMWARE: Final = {
    "requestId": 6,
    "retries": 0,
    "retryInterval": 1,
    "firmware": {
        "location": "http://127.0.0.1:9/image",
        "retrieveDateTime": "2026-06-01T00:00:00Z",
        "installDateTime": "2026-06-01T00:00:00Z",
        "signingCertificate": "x",
        "signature": "eA==",
    },
}
PEM: Final = "-----BEGIN CERTIFICATE-----\neA==\n-----END CERTIFICATE-----\n"
ONE: Final = {"component": {"name": "SecurityCtrlr"}, "variable": {"name": "OrganizationName"}}
EXAMPLES: Final[dict[OcppVersion, list[tuple[str, Any]]]] = {
    V16: [
        *(
            ("ChangeConfiguration", {"key": key, "value": value})
            for key, value in (
                ("CertSigningWaitMinimum", "300"),
                ("AuthorizationKey", SECRET),
                ("SecurityProfile", "3"),
                ("CpoName", "Operator"),
            )
        ),
        ("GetConfiguration", {"key": ["CpoName", "AuthorizationKey"]}),
        ("Reset", {"type": "Hard"}),
        ("GetLog", LOG),
        ("SignedUpdateFirmware", FIRMWARE),
        ("UpdateFirmware", {"location": "http://127.0.0.1:9/x", "retrieveDate": "2026-06-01T00:00:00Z"}),
        ("ExtendedTriggerMessage", {"requestedMessage": "SignChargePointCertificate"}),
        ("TriggerMessage", {"requestedMessage": "BootNotification", "connectorId": 1}),
        ("CertificateSigned", {"certificateChain": PEM}),
        ("InstallCertificate", {"certificateType": "CentralSystemRootCertificate", "certificate": PEM}),
        ("DeleteCertificate", {"certificateHashData": HASHES}),
        ("GetInstalledCertificateIds", {"certificateType": "CentralSystemRootCertificate"}),
    ],
    V201: [
        ("GetVariables", {"getVariableData": [{**ONE, "attributeType": "Actual"}]}),
        ("SetVariables", {"setVariableData": [{**ONE, "attributeValue": "Operator"}]}),
        (
            "SetNetworkProfile",
            {
                "configurationSlot": 2,
                "connectionData": {
                    "ocppVersion": "OCPP20",
                    "ocppTransport": "JSON",
                    "ocppCsmsUrl": "wss://localhost:9/ocpp",
                    "messageTimeout": 30,
                    "securityProfile": 2,
                    "ocppInterface": "Wired0",
                },
            },
        ),
        ("Reset", {"type": "OnIdle", "evseId": 1}),
        ("GetLog", LOG),
        ("UpdateFirmware", FIRMWARE),
        ("TriggerMessage", {"requestedMessage": "SignV2GCertificate", "evse": {"id": 1, "connectorId": 1}}),
        ("CertificateSigned", {"certificateChain": PEM, "certificateType": "V2GCertificate"}),
        ("InstallCertificate", {"certificateType": "CSMSRootCertificate", "certificate": PEM}),
        ("DeleteCertificate", {"certificateHashData": HASHES}),
        ("GetInstalledCertificateIds", {"certificateType": ["CSMSRootCertificate", "V2GCertificateChain"]}),
    ],
}
CARRIED: Final[list[tuple[str, Any]]] = [
    ("CertificateSigned", {"cert": PEM, "typeOfCertificate": "V2GCertificate"}),
    ("InstallCertificate", {"certificateType": "V2GRootCertificate", "certificate": PEM}),
    ("DeleteCertificate", {"certificateHashData": HASHES}),
    ("GetInstalledCertificateIds", {"typeOfCertificate": "V2GRootCertificate"}),
    ("ExtendedTriggerMessage", {"requestedMessage": "SignV2GCertificate"}),
    ("Authorize", {}),
    ("SignCertificate", {"csr": "x"}),
]
VENDORS: Final = ("iso15118", "org.openchargealliance.iso15118pnc")
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**30), 10**30)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=30)
    | st.sampled_from(["", "Accepted", "0", "-1", "99999999999999999999", "1,2", "null", "\ud800", "\x00", "x" * 3000]),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=12), inner, max_size=4),
    max_leaves=12,
)

OBJECT = st.dictionaries(st.text(max_size=12), JSON, max_size=4)


@st.composite
def bent(draw: st.DrawFn, example: Any) -> Any:
    """The example with up to three places changed, left out, or added to."""
    value = deepcopy(example)
    for _ in range(draw(st.integers(0, 3))):
        places = list(_places(value))
        if not places:
            break
        holder, key = draw(st.sampled_from(places))
        match draw(st.sampled_from(["change", "drop", "add", "word"])):
            case "change":
                holder[key] = draw(JSON)
            case "drop":
                del holder[key]
            case "add" if isinstance(holder, dict):
                holder[draw(st.text(max_size=12))] = draw(JSON)
            case "add":
                holder.append(draw(JSON))
            case _ if isinstance(holder[key], str):
                holder[key] = draw(st.text(max_size=40)) + holder[key]
    return value


def _places(value: Any) -> Any:
    """Every holder and key below a value."""
    if isinstance(value, dict | list):
        for key, inner in value.items() if isinstance(value, dict) else enumerate(value):
            yield value, key
            yield from _places(inner)


@st.composite
def calls(draw: st.DrawFn, version: OcppVersion) -> tuple[str, Any]:
    """An action and a payload, sensible or not."""
    examples = EXAMPLES[version]
    if draw(st.booleans()):
        names = [*{name for name, _ in examples}, "DataTransfer", "ClearCache", "Authorize", "x"]
        return draw(st.sampled_from(sorted(names))), draw(
            JSON | st.dictionaries(st.text(max_size=12), JSON, max_size=4)
        )
    if version is V16 and draw(st.booleans()):
        name, inner = draw(st.sampled_from(CARRIED))
        data = json.dumps(draw(bent(inner)))
        carrier = {"vendorId": draw(st.sampled_from(VENDORS)), "messageId": name, "data": data}
        return "DataTransfer", draw(bent(carrier))
    name, example = draw(st.sampled_from(examples))
    return name, draw(bent(example))


class Caller:
    """Calls one after the other, over whatever connection there is: some of them end it, after their answer."""

    def __init__(self, one: Talk) -> None:
        self.one = one
        self.number = 0
        self.probe: tuple[str, Any] = ("GetConfiguration", {"key": ["CpoName"]})
        if one.version is V201:
            self.probe = ("GetVariables", {"getVariableData": [ONE]})

    async def exchange(self, action: str, payload: Any) -> None:
        """One call and its answer, and then one that is certainly good."""
        await self._asked(action, payload)
        assert (await self._asked(*self.probe))[0] == 3

    async def finish(self, v2g: Pki) -> None:
        """Look at everything afterwards."""
        answers = [frame[1] for talk in self.one.csms.all for frame in talk.frames if frame[0] in {3, 4}]
        assert len(answers) == len(set(answers)), "no call was answered twice"
        security = self.one.running.station.security
        assert not [one for one in security.checkup() if one.severity is not Severity.NOTICE]
        assert len(security.trust_anchors(CaCertificateType.V2G)) == 1
        assert len(security.trust_anchors(CaCertificateType.CSMS)) == 1
        self.one.talk = await self._open()
        await self.one.running.station.enrol(LeafUse.V2G)
        await self.one.assert_takes(await self.one.taken_request(), v2g)

    async def _asked(self, action: str, payload: Any) -> list[Any]:
        for _ in range(3):  # a call before this one may end the connection under it, and no more than that
            talk = await self._open()
            self.number += 1
            message_id = f"n{self.number}"
            with suppress(ConnectionClosed):
                await talk.send(json.dumps([2, message_id, action, payload]))
            answer = await talk.answer_or_end(message_id)
            if answer is not None:
                return answer
        pytest.fail(f"{action} is not answered, and ends every connection")

    async def _open(self) -> Conversation:
        """The newest connection; where it has ended, the next one."""
        while self.one.csms.all[-1].has_ended:
            await self.one.csms.conversation()
        return self.one.csms.all[-1]


@pytest.fixture(scope="module")
def pkis() -> tuple[Pki, Pki]:
    return v2g_pki(), csms_pki()


@pytest.mark.scaled
@pytest.mark.parametrize("version", [V16, V201], ids=lambda one: one.value)
def test_whatever_is_called_has_one_answer_and_harms_nothing(
    tmp_path: Path, pkis: tuple[Pki, Pki], version: OcppVersion, scale: float, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, "chainpilot")
    with (
        start_blocking_portal() as portal,
        portal.wrap_async_context_manager(met(tmp_path, *pkis, version, clock=FastClock(5.0))) as one,
    ):
        portal.call(one.begin)
        caller = Caller(one)

        @settings(max_examples=max(150, round(3000 * scale)), deadline=None)
        @given(call=calls(version))
        def say(call: tuple[str, Any]) -> None:
            portal.call(caller.exchange, *call)

        say()
        portal.call(caller.finish, pkis[0])
    assert SECRET not in caplog.text
    assert "incident" not in caplog.text, "nothing that a CSMS says is a fault of ours"

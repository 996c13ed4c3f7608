"""What docs/howto/station-calls.md tells: its example runs, and its tables are those of the code."""

import asyncio
import base64
import contextlib
import dataclasses
import importlib
import io
import json
import re
import socket
import threading
from collections.abc import Iterator
from datetime import timedelta
from enum import Enum
from pathlib import Path
from types import NoneType
from typing import Any, get_args, get_origin, get_type_hints

import msgspec
import pytest
from websockets.sync.client import connect
from websockets.typing import Subprotocol

from answering import answering, carried_out
from backoffice import open_back_office
from chainpilot.clock import SYSTEM
from chainpilot.cpms import calls
from chainpilot.cpms.app import Cpms
from chainpilot.cpms.calls import desk
from chainpilot.cpms.config import load_config
from chainpilot.cpms.enrolment import Policy
from chainpilot.cpms.model import (
    CALL_TRANSITIONS,
    OPEN_CALL_STATES,
    CallId,
    CallState,
    Reason,
    SecurityProfile,
    StationRecord,
)
from chainpilot.cpms.model import demands as demands_module
from chainpilot.cpms.model.demands import Demand, GetLog, Reset, TriggerMessage
from chainpilot.cpms.passwords import hash_password, new_key
from chainpilot.pki.identity import parse_station_id
from chainpilot.wire.pnc.dialects import Dialect
from chainpilot.wire.pnc.words import MessageTrigger
from chainpilot.wire.security import LogType
from forge import forge

PAGE = (Path(__file__).parents[2] / "docs/howto/station-calls.md").read_text()
STATION = parse_station_id("BER-0001")
PATIENCE = 30.0
"""Seconds until a page's program counts as one that never ends."""
ACCEPTED = {"status": "Accepted", "data": '{"status": "Accepted"}'}


def tables(heading: str) -> list[list[list[str]]]:
    """The rows of each table below a heading, without its head."""
    section = PAGE.split(f"## {heading}\n")[1].split("\n## ")[0]
    found = re.findall(r"(?:^\|.*\|\n?)+", section, re.MULTILINE)
    return [[[cell.strip() for cell in line.strip("|").split("|")] for line in one.splitlines()[2:]] for one in found]


def rows(heading: str) -> list[list[str]]:
    """Those of the only table below a heading."""
    (table,) = tables(heading)
    return table


def words(cell: str) -> list[str]:
    """What stands in a cell as code."""
    return re.findall(r"`([^`]+)`", cell)


def serve_as_station(port: int, password: str) -> None:
    """Come as a station of OCPP 1.6 without TLS, say hello, and accept whatever is asked until the connection ends."""
    login = base64.b64encode(f"{STATION}:{password}".encode()).decode()
    with connect(
        f"ws://127.0.0.1:{port}/ocpp/{STATION}",
        subprotocols=[Subprotocol("ocpp1.6")],
        additional_headers={"Authorization": f"Basic {login}"},
        compression=None,
        proxy=None,
    ) as connection:
        connection.send('[2,"1","Heartbeat",{}]')
        for text in connection:
            kind, number, *_ = json.loads(text)
            if kind == 2:
                connection.send(json.dumps([3, number, ACCEPTED]))


def come_when_it_listens(port: int, password: str) -> None:
    """Knock until the example has opened its listener."""
    for _ in range(200):
        with contextlib.suppress(ConnectionRefusedError):
            serve_as_station(port, password)
            return
        threading.Event().wait(0.05)


@pytest.fixture
def page_folder(tmp_path: Path) -> Iterator[Path]:
    """What the example finds in /etc/chainpilot, and the station that it wants something of."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    (tmp_path / "cpms.toml").write_text(
        '[database]\nfile = "cpms.sqlite"\n\n[[listener]]\nname = "vpn"\nprofile = 1\nallow_insecure = true\n'
        f'host = "127.0.0.1"\nport = {port}\n'
    )
    at = SYSTEM.now()
    root = forge("V2G Root", ca=True, domain="V2G", begin=at - timedelta(days=1), end=at + timedelta(days=3650))
    (tmp_path / "v2g_root.pem").write_text(root.certificate.to_pem())
    password = new_key()
    record = StationRecord(
        STATION, hash_password(password, generated=True), SecurityProfile.BASIC, dialects=(Dialect.H,)
    )

    async def add() -> None:
        async with Cpms(load_config(tmp_path / "cpms.toml", {})) as cpms:
            await cpms.add_station(record)

    asyncio.run(add())
    station = threading.Thread(target=come_when_it_listens, args=(port, password), daemon=True)
    station.start()
    yield tmp_path
    station.join(PATIENCE)


def test_the_example_runs_as_it_stands_and_says_what_is_shown(page_folder: Path) -> None:
    (code,) = re.findall(r"^```python\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
    (shown,) = re.findall(r" this says\n\n```\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
    said = io.StringIO()
    program = threading.Thread(target=exec, args=(code.replace("/etc/chainpilot", str(page_folder)), {}), daemon=True)
    with contextlib.redirect_stdout(said):
        program.start()
        program.join(PATIENCE)
    assert said.getvalue() == shown


def test_every_demand_is_on_the_page() -> None:
    told = [words(row[0])[0] for row in rows("What can be wanted")]
    assert told == [kind.__name__ for kind in get_args(Demand)]


def test_what_is_never_said_twice_is_told_so() -> None:
    told = {words(row[0])[0] for row in rows("What can be wanted") if "never" in row[-1]}
    assert told == {kind.__name__ for kind in desk._NEVER_TWICE}


def test_the_states_are_those_of_the_table() -> None:
    told = {}
    for event, *states in rows("The states of a call"):
        for before, after in zip((CallState.WAITING, CallState.SENT), states, strict=True):
            told[before.value, words(event)[0]] = after or None
    known = {(before.value, event.value): after and after.value for (before, event), after in CALL_TRANSITIONS.items()}
    assert told == {key: after for key, after in known.items() if key[0] in {"Waiting", "Sent"}}
    (ends,) = re.findall(r"Nothing leads out of ([^.]+)\.", PAGE)
    assert set(re.split(r", | and ", ends)) == {state.value for state in CallState if state not in OPEN_CALL_STATES}


def test_every_reason_that_a_call_ends_with_is_on_the_page() -> None:
    sources = "".join(path.read_text() for path in Path(calls.__path__[0]).glob("*.py"))
    given = {Reason[name].value for name in re.findall(r"Reason\.([A-Z_]+)", sources)}
    assert {words(row[0])[0] for row in rows("Why a call ended")} == given
    assert {row[1] for row in rows("Why a call ended")} <= {state.value for state in CallState}


def test_the_bounds_are_the_policy_s() -> None:
    policy = Policy()
    assert f"`call_attempts` tries ({policy.call_attempts})" in PAGE
    assert f"`call_days` ({policy.call_days})" in PAGE


def name_of(hint: Any) -> str:
    """A type as the page writes it; what may be None has a default that says so."""
    if get_origin(hint) is tuple:
        return f"tuple[{name_of(get_args(hint)[0])}, ...]"
    others = [one for one in get_args(hint) if one is not NoneType]
    return name_of(others[0]) if others else str(hint.__name__)


def fields_of(kind: type[Any]) -> list[str]:
    hints = get_type_hints(kind)
    if dataclasses.is_dataclass(kind):
        return [f"{field.name}: {name_of(hints[field.name])}" for field in dataclasses.fields(kind)]
    return [
        f"{field.name}: {name_of(hints[field.name])}" + ("" if field.required else f" = {field.default}")
        for field in msgspec.structs.fields(kind)
    ]


def test_the_fields_of_every_demand_are_those_of_the_table() -> None:
    demands, values, places = tables("What each demand holds")
    modules = {words(name)[0]: words(module)[0] for name, module, _ in places}
    told = {words(row[0])[0]: words(row[1]) for row in (*demands, *values)}
    assert [words(row[0])[0] for row in demands] == [kind.__name__ for kind in get_args(Demand)]
    for name, fields in told.items():
        module = modules.get(name, demands_module.__name__)
        assert fields == fields_of(getattr(importlib.import_module(module), name)), name
    mentioned = {word for fields in told.values() for field in fields for word in re.findall(r"\b[A-Z]\w+", field)}
    assert mentioned - {"None", "IDLE"} <= set(modules)


def test_the_names_of_the_table_are_where_it_says_with_their_members() -> None:
    *_, places = tables("What each demand holds")
    for name, module, members in places:
        found = getattr(importlib.import_module(words(module)[0]), words(name)[0])
        is_enumeration = isinstance(found, type) and issubclass(found, Enum)
        assert words(members) == ([one.name for one in found] if is_enumeration else []), name


@pytest.mark.anyio
@pytest.mark.parametrize("code", ["NotImplemented", "InternalError"])
async def test_a_callerror_ends_calls_as_is_told_before_you_order(tmp_path: Path, code: str) -> None:
    log = GetLog(LogType.SECURITY_LOG, "https://logs.example.org")
    trigger = TriggerMessage(MessageTrigger.SIGN_CHARGING_STATION_CERTIFICATE)
    asked = (Reset(), log, trigger) if code == "NotImplemented" else (Reset(),)
    async with (
        open_back_office(tmp_path) as office,
        answering(office, [Dialect.S], lambda said, text: [4, code, "", {}]),
    ):
        for demand in asked:
            call = await carried_out(office, demand)
            is_refusal = code == "NotImplemented"
            assert call.state is (CallState.REFUSED if is_refusal else CallState.OUTCOME_UNKNOWN)
            assert call.end is not None
            assert call.end.reason is (Reason.CALL_REFUSED if is_refusal else Reason.CALL_OUTCOME_UNKNOWN)
            assert f"CALLERROR {code}" in call.end.detail
        assert await office.cpms.calls.cancel(CallId(99)) is None

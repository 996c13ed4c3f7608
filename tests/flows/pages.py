"""The pages of docs/flows: text from the catalogue, diagrams from runs."""

import tempfile
from pathlib import Path
from typing import Final

from chainpilot.wire.pnc.dialects import Dialect
from chainpilot.wire.pnc.tables import DIALECTS
from flows.catalogue import FLOWS
from flows.diagram import diagram
from flows.flow import Flow
from flows.recording import Recording
from flows.stage import Cast, open_stage

__all__ = ["FOLDER", "index_page", "path_of", "play", "write_pages", "written_page"]

FOLDER: Final = Path(__file__).resolve().parents[2] / "docs/flows"
_INDEX: Final = """\
# The flows, as they went

What station, CPMS and PKI say to each other, and what is on disk when. Every diagram on these pages is drawn from a
run: chainpilot's CPMS with its database and its TLS WebSockets, the test PKI's EST server, and a station with
chainpilot's store. `python tools/flow_pages.py` plays all of them and writes the pages; a test plays them again and
compares. What the CPMS wants of a station is ordered by a program: [station calls](../howto/station-calls.md).

| flow | | dialects |
|---|---|---|
"""
_LEGEND: Final = """
## How to read a diagram

| you see | it means |
|---|---|
| a solid arrow | a request: the action of an OCPP call, or method, label and operation of EST |
| a dashed arrow | its answer, with the status it carried |
| `DataTransfer iso15118/SignCertificate` | vendorId and messageId of a message inside DataTransfer |
| `Accepted, inside Rejected` | DataTransfer's own status: the message was understood; then that of the answer inside |
| `WebSocket, security profile 2` | the station has connected and was let in |
| a note that begins with `on disk:` | from here on this survives the end of the process and the loss of power |
| `Sent, TriggerMessage in H` | the message is in the call's record, with the dialect it is said in |
| any other note | what happened beside the messages, or was judged; it leaves nothing on disk |

Things that do not wait for each other have no order of their own, and are drawn in the same one each time: the answer
to a call stands behind the call, though the worker may have begun before it was sent. Payloads, ids and times are left
out. The letters of the dialects are explained in [every message](../reference/pnc-messages.md).

A process may end between any two lines. The tests end the CPMS after each of its steps: then one certificate is issued
and one installed, or the enrolment says that its outcome is unknown.
"""


async def write_pages() -> None:
    """Play every flow and write its page, then the list; pages of flows that are gone are removed."""
    FOLDER.mkdir(exist_ok=True)
    pages = {path_of(flow): await written_page(flow) for flow in FLOWS} | {FOLDER / "README.md": index_page()}
    for former in set(FOLDER.glob("*.md")) - set(pages):
        former.unlink()
    for path, page in pages.items():
        path.write_text(page, encoding="utf-8")


def path_of(flow: Flow) -> Path:
    """Where its page is."""
    return FOLDER / f"{flow.name}.md"


async def written_page(flow: Flow) -> str:
    """The flow's page, from runs made now."""
    head = f"# {flow.title}\n\n{flow.text}\n[How to read a diagram](README.md#how-to-read-a-diagram)\n"
    return "\n".join([head, *[_section(cast, await play(flow, cast)) for cast in flow.casts]])


async def play(flow: Flow, cast: Cast) -> Recording:
    """One run of the flow."""
    with tempfile.TemporaryDirectory() as folder:
        async with open_stage(Path(folder), cast) as stage:
            await flow.play(stage, cast)
            return await stage.recording()


def index_page() -> str:
    """The list of the flows and the legend."""
    rows = [
        f"| [{flow.title}]({flow.name}.md) | {flow.gist} | {', '.join(cast.dialect.value for cast in flow.casts)} |\n"
        for flow in FLOWS
    ]
    return _INDEX + "".join(rows) + _LEGEND


def _section(cast: Cast, recording: Recording) -> str:
    who = "chainpilot's own agent" if cast.agent else "one of this dialect, with chainpilot's store and connection"
    records = "".join(f"* {record}\n" for record in recording.records)
    return (
        f"## {_heading(cast.dialect)}\n\nThe station is {who}.\n\n"
        f"```mermaid\n{diagram(recording.lines)}```\n\nThe records afterwards:\n\n{records}"
    )


def _heading(dialect: Dialect) -> str:
    row = DIALECTS[dialect]
    version = row.version.value.removeprefix("ocpp")
    carrier = f"DataTransfer, vendorId {row.vendor_id}" if row.vendor_id else "its own messages"
    named = "" if dialect.value == version else f"{dialect.value}, "
    return f"{named}OCPP {version}: {carrier}"

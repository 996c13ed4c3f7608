"""The agent's memory on SQLite: one file in the agent's state directory, or none at all for rehearsals.

`folder` is the directory and who may open it, `database` the file and whether it is whole, `sqlite` what is remembered,
`floor` the one thing that is kept a second time, in a file of its own.
Why SQLite, and how durable it is: docs/adr/0012-the-agents-memory.md. What the documents mean is the flows'.
"""

from chainpilot.station.adapters.memory.floor import FloorFile, floor_in
from chainpilot.station.adapters.memory.folder import folder_objection
from chainpilot.station.adapters.memory.sqlite import DEFAULT_LIMITS, Limits, SqliteMemory

__all__ = ["DEFAULT_LIMITS", "FloorFile", "Limits", "SqliteMemory", "floor_in", "folder_objection"]

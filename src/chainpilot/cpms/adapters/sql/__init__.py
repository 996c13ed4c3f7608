"""The ledger on SQLite: one process, one file, every acknowledged record on disk."""

from chainpilot.cpms.adapters.sql.files import DatabaseInUseError
from chainpilot.cpms.adapters.sql.ledger import SqlLedger

__all__ = ["DatabaseInUseError", "SqlLedger"]

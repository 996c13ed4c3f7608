"""The ledger on SQLite: one process, one file, every acknowledged record on disk."""

from chainpilot.cpms.adapters.sql.files import DatabaseInUseError
from chainpilot.cpms.adapters.sql.issuing_records import SqlIssuingRecords
from chainpilot.cpms.adapters.sql.ledger import SqlLedger
from chainpilot.cpms.adapters.sql.trust_records import SqlTrustRecords

__all__ = ["DatabaseInUseError", "SqlIssuingRecords", "SqlLedger", "SqlTrustRecords"]

"""What the station's files mean: bundles of CAs, leaves with their keys, open signing requests.

Reads through a Look and stages writes on a Change, so the lock is held by construction. What may be installed is
decided by the flows above; a file that can't be read is passed over and told of, never a reason to fail
(station-store.md row 3).
"""

from chainpilot.station.store.bundles import Bundle, read_bundle, stage_ca
from chainpilot.station.store.keys import KeyRing, write_key
from chainpilot.station.store.leaves import Leaves, StoredLeaf, read_leaves
from chainpilot.station.store.pending import (
    PendingCsr,
    PendingRecordError,
    decode_pending,
    encode_pending,
    read_pending,
)
from chainpilot.station.store.room import new_word, room_objection

__all__ = [
    "Bundle",
    "KeyRing",
    "Leaves",
    "PendingCsr",
    "PendingRecordError",
    "StoredLeaf",
    "decode_pending",
    "encode_pending",
    "new_word",
    "read_bundle",
    "read_leaves",
    "read_pending",
    "room_objection",
    "stage_ca",
    "write_key",
]

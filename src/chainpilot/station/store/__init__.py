"""What the station's files mean: bundles of CAs, leaves with their keys, open signing requests.

Reads through a Look and stages writes on a Change, so the lock is held by construction. What may be installed is
decided by the flows above; a file that can't be read is passed over and told of, never a reason to fail
(station-store.md row 3).
"""

from chainpilot.station.store.bundles import Bundle, read_bundle, read_bundle_about, stage_ca, stage_without
from chainpilot.station.store.certificates import CertificateFile
from chainpilot.station.store.crls import Crls, read_crls
from chainpilot.station.store.hashlinks import changed_links, hash_name
from chainpilot.station.store.keys import KeyRing, destroy_key, stage_key_removal
from chainpilot.station.store.leaves import Leaves, Slot, StoredLeaf, read_leaves, slot_name
from chainpilot.station.store.links import Links, Way, links_of
from chainpilot.station.store.pending import (
    PendingCsr,
    PendingRecordError,
    decode_pending,
    encode_pending,
    read_pending,
)
from chainpilot.station.store.room import new_word, room_objection
from chainpilot.station.store.succession import read_succession, stage_succession
from chainpilot.station.store.uses import certified_keys, is_unsure, used_keys

__all__ = [
    "Bundle",
    "CertificateFile",
    "Crls",
    "KeyRing",
    "Leaves",
    "Links",
    "PendingCsr",
    "PendingRecordError",
    "Slot",
    "StoredLeaf",
    "Way",
    "certified_keys",
    "changed_links",
    "decode_pending",
    "destroy_key",
    "encode_pending",
    "hash_name",
    "is_unsure",
    "links_of",
    "new_word",
    "read_bundle",
    "read_bundle_about",
    "read_crls",
    "read_leaves",
    "read_pending",
    "read_succession",
    "room_objection",
    "slot_name",
    "stage_ca",
    "stage_key_removal",
    "stage_succession",
    "stage_without",
    "used_keys",
]

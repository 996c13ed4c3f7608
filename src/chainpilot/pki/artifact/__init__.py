"""What bytes are, whoever sends them: certificates, requests, bags, lists, OCSP and keys, read into values.

For explaining to people and programs; the protocols read what they expect by their own readers, and more strictly.
Private keys are read for their public half only. Judging validity and trust is not handled here.
"""

from chainpilot.pki.artifact.armour import MAX_BYTES, MAX_PIECES, ArtifactError, Carrier
from chainpilot.pki.artifact.keys import MAX_KEY_BYTES, Key, KeyReadError, key_words
from chainpilot.pki.artifact.links import (
    MAX_NAMESAKES,
    Arrangement,
    Flaw,
    Stack,
    issuers_within,
    judge_stack,
)
from chainpilot.pki.artifact.purpose import Domain, Purpose, Role, purpose_of
from chainpilot.pki.artifact.reader import read_artifacts
from chainpilot.pki.artifact.shapes import Kind
from chainpilot.pki.artifact.values import (
    Bag,
    Item,
    OcspAnswer,
    Parameters,
    RevocationList,
    SigningRequest,
    Unreadable,
    Value,
)

__all__ = [
    "MAX_BYTES",
    "MAX_KEY_BYTES",
    "MAX_NAMESAKES",
    "MAX_PIECES",
    "Arrangement",
    "ArtifactError",
    "Bag",
    "Carrier",
    "Domain",
    "Flaw",
    "Item",
    "Key",
    "KeyReadError",
    "Kind",
    "OcspAnswer",
    "Parameters",
    "Purpose",
    "RevocationList",
    "Role",
    "SigningRequest",
    "Stack",
    "Unreadable",
    "Value",
    "issuers_within",
    "judge_stack",
    "key_words",
    "purpose_of",
    "read_artifacts",
]

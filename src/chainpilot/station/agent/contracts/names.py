"""Names of contracts: the eMAID that a leaf bears, and how it is written where others read.

An eMAID tells who drives, so that logs and sentences show its provider and its last two characters, and no more.
"""

import re
from typing import Final

from chainpilot.pki.certificate import Certificate
from chainpilot.pki.identity import normal_emaid
from chainpilot.pki.profiles.naming import is_contract_name

__all__ = ["emaid_of", "is_emaid", "masked", "veiled"]

_SEPARATORS: Final = r"[-*\s]?"
_MAX_SENTENCE: Final = 500
"""Characters of a sentence that quotes what came from outside."""
_HIDDEN: Final = "..."


def is_emaid(text: str) -> bool:
    """Whether a text has the form of an eMAID, in either case, with or without separators and check digit."""
    return is_contract_name(normal_emaid(text))


def emaid_of(leaf: Certificate) -> str | None:
    """The eMAID that a leaf is for, as its common name spells it; None where there is no single one of that form."""
    common = leaf.subject.common_name
    return common if common is not None and is_emaid(common) else None


def masked(text: str | None) -> str:
    """An eMAID for logs, such as `DEABC...89`; of any other text nothing."""
    if text is None or not is_emaid(text):
        return _HIDDEN
    normal = normal_emaid(text)
    return f"{normal[:5]}{_HIDDEN}{normal[-2:]}"


def veiled(sentence: str, *names: str | None) -> str:
    """A sentence in which these names are masked, whatever its spelling of them; on one line, and not too long."""
    for name in names:
        if name:
            sentence = _pattern(name).sub(masked(name), sentence)
    return "".join(character if character.isprintable() else "?" for character in sentence[:_MAX_SENTENCE])


def _pattern(name: str) -> re.Pattern[str]:
    if not is_emaid(name):
        return re.compile(re.escape(name))
    return re.compile(_SEPARATORS.join(normal_emaid(name)), re.IGNORECASE)

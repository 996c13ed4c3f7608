"""Writes docs/reference/pnc-messages.md from the tables by which messages are read and written.

`python tools/message_page.py` after a change of the tables; a test compares the page with them.
"""

import hashlib
import json
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, Final

from chainpilot.pki.hashdata import CertificateHashData, HashAlgorithm
from chainpilot.wire.pnc.codec import encode_request, encode_response
from chainpilot.wire.pnc.dialects import Dialect, DialectRow, Field, MessageRow
from chainpilot.wire.pnc.fields import (
    MAX_ENTRIES,
    ChainObject,
    ChainText,
    Choice,
    IdTokenObject,
    SeveralChoices,
    StatusInfo,
    Text,
    TextList,
    TokenInfoObject,
    WholeNumber,
)
from chainpilot.wire.pnc.hashes import (
    MAX_ASKED,
    MAX_CHILDREN,
    MAX_HASH,
    MAX_SERIAL,
    MAX_URL,
    FlatHashes,
    HashChains,
    HashObject,
    OneOcspQuestion,
    SeveralOcspQuestions,
)
from chainpilot.wire.pnc.messages import (
    CertificateHashDataChain,
    GetInstalledCertificateIdsRequest,
    GetInstalledCertificateIdsResponse,
)
from chainpilot.wire.pnc.tables import DIALECTS
from chainpilot.wire.pnc.words import CertificateUse, GetInstalledCertificateStatus

__all__ = ["PAGE", "main", "page"]

PAGE = Path(__file__).resolve().parent.parent / "docs/reference/pnc-messages.md"
INTRODUCTION = """# Every Plug & Charge message in every dialect

What chainpilot writes, and what it reads of others, on both ends of the conversation. This page is made from the
tables that do it (`python tools/message_page.py`).

* **written** is what leaves us. Limits are advisory then: a chain is sent whole even where the dialect's text has no
  room for it.
* **read** is what is understood from a peer. `*` marks what must be there. Other members are passed over.
* Certificates and signing requests travel as text: PEM, hexadecimal DER or base64 DER, told apart by looking.
* In H and O the message is JSON inside a string, in `data` of a DataTransfer. What can't be read of it is answered
  `Rejected`, an unknown message `UnknownMessageId`, and never with CALLERROR. In the other dialects such a fault is a
  CALLERROR.

| dialect | OCPP | carried |
|---|---|---|
"""
HASHES: Final = f"""
## Hash data

Hash data name a certificate without showing it. Its members, wherever a table below says hash data:

| member | what it is | written | read |
|---|---|---|---|
| `hashAlgorithm` | that of both hashes | {", ".join(one.value for one in HashAlgorithm)} | the same* |
| `issuerNameHash` | hash of the issuer's name, as DER | every digit | up to {MAX_HASH} digits* |
| `issuerKeyHash` | hash of the issuer's key: the BIT STRING's content | every digit | up to {MAX_HASH} digits* |
| `serialNumber` | the certificate's own | no leading zeros; zero is `0` | up to {MAX_SERIAL} digits behind zeros* |
| `responderURL` | whom to ask, in questions of OCSP alone | as the tables say | text up to {MAX_URL} |

Digits are hexadecimal: written in lower case without `0x`, read in either case, with `0x` or without. What was read is
kept letter by letter and sent back so, in DeleteCertificate for one. Names are compared without regard to case, `0x`
and a serial number's leading zeros.

A chain, where a table below says so, is an object around hash data:

| member | what it is |
|---|---|
| `certificateType` | one of the types of GetInstalledCertificateIds* |
| `certificateHashData` | hash data of the root or the leaf* |
| `childCertificateHashData` | up to {MAX_CHILDREN} of hash data: the sub-CAs under a leaf, the leaf's issuer first |

A chain that is read may lack its type. Flat hash data have neither type nor children: roots get the one type that was
asked for, and of an SECC certificate's list nothing tells which entries are its sub-CAs.

## A message in two dialects

GetInstalledCertificateIds for the SECC certificate, and the answer of a station that holds it with one sub-CA. The
hashes are of nobody's names and keys.
"""


def main() -> int:
    """Write the page."""
    PAGE.write_text(page(), encoding="utf-8")
    return 0


def page() -> str:
    """The whole page."""
    carried = "".join(f"| {row.dialect.value} | {row.version.value} | {_carrier(row)} |\n" for row in DIALECTS.values())
    actions = sorted(
        {message.request.of.__name__.removesuffix("Request") for row in DIALECTS.values() for message in row.messages}
    )
    return INTRODUCTION + carried + HASHES + _examples() + "".join("\n" + _message(action) for action in actions)


def _examples() -> str:
    """The same question and answer in H and in OCPP 2.0.1, as the codec writes them."""
    use = CertificateUse.V2G_CERTIFICATE_CHAIN
    chain = CertificateHashDataChain(use, _named("CPO Sub2", "3a7f"), (_named("CPO Sub1", "1c"),))
    question = GetInstalledCertificateIdsRequest((use,))
    answer = GetInstalledCertificateIdsResponse(GetInstalledCertificateStatus.ACCEPTED, (chain,))
    told = []
    for dialect in (Dialect.H, Dialect.V201):
        call = encode_request(question, dialect)
        asked = f'[2, "17", "{call.action}", {_json(call.payload)}]'
        answered = f'[3, "17", {_json(encode_response(answer, dialect))}]'
        told.append(f"\nIn {dialect.value}:\n\n```json\n{asked}\n```\n\n```json\n{answered}\n```\n")
    return "".join(told)


def _named(issuer: str, serial: str) -> CertificateHashData:
    """Hash data as they look, of no certificate that exists."""
    name, key = (hashlib.sha256(f"{what} of {issuer}".encode()).hexdigest() for what in ("name", "key"))
    return CertificateHashData(HashAlgorithm.SHA256, name, key, serial)


def _json(payload: dict[str, object]) -> str:
    return json.dumps(payload, indent=2)


def _carrier(row: DialectRow) -> str:
    return f"DataTransfer, vendorId `{row.vendor_id}`" if row.vendor_id else "OCPP's own messages"


def _message(name: str) -> str:
    rows = [(row, _row_of(row, name)) for row in DIALECTS.values()]
    lines = [f"## {name}\n"]
    lacking = [row.dialect.value for row, message in rows if message is None]
    if lacking:
        lines.append(f"Not in {', '.join(lacking)}.\n")
    known = [(row.dialect.value, message) for row, message in rows if message is not None]
    lines += ["| dialect | action | also read |\n|---|---|---|"]
    lines += _grouped((dialect, (f"`{one.action}`", _code(one.also_read))) for dialect, one in known)
    for title, sides in (
        ("Request", [(dialect, one.request) for dialect, one in known]),
        ("Answer", [(dialect, one.response) for dialect, one in known]),
    ):
        lines += [f"\n### {title} of {name}\n", "| dialect | written | read |\n|---|---|---|"]
        for attribute in dict.fromkeys(field.attribute for _, side in sides for field in side.fields):
            fields = [(dialect, one) for dialect, side in sides for one in side.fields if one.attribute == attribute]
            lines += _grouped((dialect, _cells(one)) for dialect, one in fields)
    return "\n".join(lines) + "\n"


def _grouped(rows: Iterable[tuple[str, tuple[str, str]]]) -> list[str]:
    """Dialects of which the same is to be said share a line."""
    groups: dict[tuple[str, str], list[str]] = {}
    for dialect, cells in rows:
        groups.setdefault(cells, []).append(dialect)
    return [f"| {', '.join(dialects)} | {' | '.join(cells)} |" for cells, dialects in groups.items()]


def _row_of(row: DialectRow, name: str) -> MessageRow | None:
    return next((one for one in row.messages if one.request.of.__name__ == f"{name}Request"), None)


def _cells(field: Field) -> tuple[str, str]:
    written, read = _WORDS[type(field.kind)](field.kind)
    names = " or ".join(f"`{name}`" for name in field.names)
    star = "*" if field.required else ""
    return f"`{field.names[0]}`: {written}" if field.written else "never", f"{names}{star}: {read}"


def _choice(kind: Any) -> tuple[str, str]:
    members = [one for one in kind.words if kind.only is None or one in kind.only]
    written = ", ".join(dict.fromkeys(str(kind.write(one)) for one in members))
    otherwise = f"; any other word counts as {kind.otherwise.value}" if kind.otherwise is not None else ""
    return written, ", ".join(kind.spellings) + otherwise


def _several(kind: Any) -> tuple[str, str]:
    written, read = _choice(kind.of)
    return f"one of {written}" if kind.one_a_call else f"array of {written}", f"a word, or an array, of {read}"


def _text(kind: Any) -> tuple[str, str]:
    return "text", f"text up to {kind.limit}{', or empty' if kind.may_be_empty else ''}"


def _question(what: str, read: str) -> Callable[[Any], tuple[str, str]]:
    def told(kind: Any) -> tuple[str, str]:
        return f"{what} of hash data, `responderURL` {'always' if kind.needs_url else 'where it is known'}", read

    return told


def _same(written: str, read: str) -> Callable[[Any], tuple[str, str]]:
    return lambda _: (written, read)


_LISTED: Final = f"up to {MAX_ENTRIES}: hash data, or chains with type and children"
_ID_MEMBERS: Final = "`idToken`, `type`"
_INFO: Final = "`status`, `cacheExpiryDateTime`"
_REASON: Final = "`reasonCode`, `additionalInfo`"
_WORDS: Final[dict[type, Callable[[Any], tuple[str, str]]]] = {
    Text: _text,
    TextList: lambda kind: ("array of texts", f"up to {kind.limit} texts of at most {kind.of.limit}"),
    WholeNumber: _same("integer", "integer, not negative"),
    ChainText: lambda kind: (
        "one text",
        f"text up to {kind.limit}{', or empty' if kind.may_be_empty else ''}, or an array of texts",
    ),
    Choice: _choice,
    SeveralChoices: _several,
    HashObject: _same("hash data, letter by letter as it was read", "hash data"),
    FlatHashes: _same("array of hash data, a leaf's sub-CAs behind it", _LISTED),
    HashChains: _same("array of chains: type, hash data, children", _LISTED),
    OneOcspQuestion: _question("object", f"hash data, with `responderURL` or without, or up to {MAX_ASKED} of them"),
    SeveralOcspQuestions: _question("array", f"up to {MAX_ASKED} of hash data, with `responderURL` or without"),
    IdTokenObject: _same(_ID_MEMBERS, _ID_MEMBERS),
    TokenInfoObject: _same(_INFO, _INFO),
    StatusInfo: _same(_REASON, _REASON),
    ChainObject: _same("`certificate`, `childCertificate`, where the chain is known", "passed over"),
}
"""What is written and what is read, for every kind of field."""


def _code(names: tuple[str, ...]) -> str:
    return ", ".join(f"`{name}`" for name in names)


if __name__ == "__main__":
    sys.exit(main())

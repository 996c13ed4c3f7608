"""What bytes look like that are no certificate, so that a person sees what they have got hold of."""

import codecs
import re
from typing import Final

__all__ = ["decoded_text", "looks_like"]

_BYTE_ORDER_MARKS: Final = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_CONTROL: Final = re.compile("[\x01-\x08\x0e-\x1f\x7f]")
_PROBE: Final = 4096
"""Bytes looked at to tell what something looks like."""

_MAGIC: Final = (
    (b"\xfe\xed\xfe\xed", "a Java key store (JKS): take the certificate out with keytool -exportcert -rfc"),
    (b"\x1f\x8b", "gzip: unpack it first"),
    (b"BZh", "bzip2: unpack it first"),
    (b"\xfd7zXZ", "xz: unpack it first"),
    (b"\x28\xb5\x2f\xfd", "zstd: unpack it first"),
    (b"PK\x03\x04", "a ZIP archive: unpack it first"),
    (b"%PDF", "a PDF document"),
    (b"\x89PNG", "a PNG image"),
    (b"\xff\xd8\xff", "a JPEG image"),
    (b"\x7fELF", "a program (ELF)"),
    (b"SQLite format 3\x00", "an SQLite database"),
    (b"\x80\x98", "EXI: the messages of ISO 15118 begin so"),
    (b"\x80\x9a", "EXI: the messages of ISO 15118 begin so"),
    (b"$EXI", "EXI: the messages of ISO 15118 begin so"),
)
_TEXTS: Final = (
    (r"<!doctype html|<html", "an HTML page: perhaps a login or error page was saved in place of the file"),
    (r"<\?xml|<[a-z]", "XML: take the certificate out of its element"),
    (r"""\{\s*"|\[\s*[\[{"0-9]""", "JSON: take the value out, such as jq -r .certificate"),
    (
        r"ssh-(rsa|ed25519|dss) |ecdsa-sha2-",
        "an SSH public key, which is no X.509: ssh-keygen -e -m PKCS8 -f writes it as PEM",
    ),
    (r"Certificate:\s+Data:", "a certificate as openssl -text prints it: the certificate itself is not in it"),
    (r"http/[0-9.]+ [0-9]{3}", "an HTTP answer with its headers"),
    (r"[\s\S]*\bBEGIN [A-Z]", "PEM whose dashes are broken: five stand on each side, -----BEGIN CERTIFICATE-----"),
)


def decoded_text(data: bytes) -> str | None:
    """The bytes as text, in UTF-8 or UTF-16 with or without a mark; None when they are binary."""
    for mark, codec in _BYTE_ORDER_MARKS:
        if data.startswith(mark):
            return _decoded(data, codec)
    head = data[:64]
    if len(head) >= 4 and not any(head[1::2]) and all(head[0::2]):
        return _decoded(data, "utf-16-le")
    if len(head) >= 4 and not any(head[0::2]) and all(head[1::2]):
        return _decoded(data, "utf-16-be")
    return _decoded(data.rstrip(b"\x00"), "utf-8")


def looks_like(data: bytes) -> str:
    """A sentence on what the bytes look like."""
    if not data:
        return "it is empty"
    text = decoded_text(data)
    if text is not None and not text.strip("\x00 \t\r\n"):
        return "it holds nothing but white space"
    for magic, words in _MAGIC:
        if data.startswith(magic):
            return f"it looks like {words}"
    if text is not None:
        return f"it looks like {_text_kind(text[:_PROBE].lstrip())}"
    if not any(data[:_PROBE]):
        return "it begins with nothing but zeros: perhaps the file was never written whole"
    return f"it looks like binary data ({len(data)} bytes) of no kind we know"


def _text_kind(text: str) -> str:
    for pattern, words in _TEXTS:
        if re.match(pattern, text, re.IGNORECASE):
            return words
    return "plain text without a PEM block, neither hexadecimal nor base64"


def _decoded(data: bytes, codec: str) -> str | None:
    try:
        text = data.decode(codec)
    except UnicodeDecodeError:
        return None
    return None if _CONTROL.search(text) else text

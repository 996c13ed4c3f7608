"""What a command is handed: certificates, responses, signatures from files or standard input, as the store's text."""

import base64
from collections.abc import Iterable
from typing import Final

from chainpilot.cli.exits import Exit
from chainpilot.cli.source import STANDARD_INPUT, SourceError, read_source
from chainpilot.errors import OwnError
from chainpilot.pki.certificate import Certificate, CertificateError, load_certificates
from chainpilot.pki.encoding import MAX_TEXT, EncodingError

__all__ = ["NotCarriedOut", "check_inputs", "one_of", "read_certificates", "read_text"]

_SEQUENCE: Final = 0x30
_LONG_FORM: Final = 0x80
"""DER of a certificate or response begins with these two: no text has an octet above 127 in second place."""


class NotCarriedOut(OwnError):
    """A command could not be carried out; `why` says what to do, and `exit` is its exit code."""

    def __init__(self, why: str, code: Exit) -> None:
        super().__init__(why)
        self.why = why
        self.exit = code


def read_text(source: str, *, is_binary: bool = False) -> str:
    """The content of a file, or of standard input for `-`, as the store takes it: DER becomes base64.

    `is_binary` content that is no text becomes base64 whatever it begins with.

    Raises:
        NotCarriedOut: it can't be read, is longer than any text the store reads, or is no text.
    """
    data = _bytes(source)
    if data[:1] == bytes((_SEQUENCE,)) and data[1:2] >= bytes((_LONG_FORM,)):
        return base64.b64encode(data).decode("ascii")
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        if is_binary:
            return base64.b64encode(data).decode("ascii")
        why = f"{_named(source)} is neither text nor DER; chainpilot inspect tells what it is"
        raise NotCarriedOut(why, Exit.NEEDS_SOMEBODY) from error


def read_certificates(source: str) -> tuple[Certificate, ...]:
    """The certificates of a file, or of standard input.

    Raises:
        NotCarriedOut: it can't be read, or holds none.
    """
    text = read_text(source)
    try:
        return load_certificates(text)
    except (EncodingError, CertificateError) as error:
        raise NotCarriedOut(f"{_named(source)} holds no certificate: {error.why}", Exit.NEEDS_SOMEBODY) from error


def one_of(text: str) -> Certificate | None:
    """The first certificate of a text, for naming it; None where there is none."""
    try:
        return load_certificates(text)[0]
    except (EncodingError, CertificateError):
        return None


def check_inputs(sources: Iterable[str | None]) -> None:
    """Standard input can be read once. Raises NotCarriedOut."""
    if sum(one == STANDARD_INPUT for one in sources) > 1:
        raise NotCarriedOut("standard input (-) can be only one of the files", Exit.USAGE)


def _bytes(source: str) -> bytes:
    try:
        data = read_source(source, limit=MAX_TEXT)
    except SourceError as error:
        if error.exit is Exit.NOT_ALLOWED:
            why = f"{source} may not be read by you; run the command as a user who may, or pipe it in with -"
            raise NotCarriedOut(why, error.exit) from error
        raise NotCarriedOut(error.why, error.exit) from error
    if len(data) > MAX_TEXT:
        raise NotCarriedOut(f"{_named(source)} is longer than {MAX_TEXT} bytes", Exit.NEEDS_SOMEBODY)
    return data


def _named(source: str) -> str:
    return "standard input" if source == STANDARD_INPUT else source

"""What an operator sets for a token, and its PIN."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

from chainpilot.errors import OwnError

__all__ = ["MAX_PIN_BYTES", "HiddenText", "TokenSettings", "TokenUnusable", "read_pin"]

MAX_PIN_BYTES: Final = 256
"""Of a PIN file; tokens take 4 to 255 characters."""


class TokenUnusable(OwnError):
    """A token can't do what it is asked for; `why` is a clause without a secret, and tells what helps."""

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why = why


class HiddenText(Protocol):
    """A PIN that stands in the settings; its own repr must not show it."""

    @property
    def value(self) -> str:
        """The PIN."""
        ...


@dataclass(frozen=True, slots=True)
class TokenSettings:
    """The token whose keys are used, and how it is reached."""

    module: Path
    """The vendor's PKCS#11 library, such as `/usr/lib/softhsm/libsofthsm2.so`."""
    token: str
    """The token's label."""
    pin: HiddenText | Path | None = None
    """The user's PIN, or the file whose first line it is, read anew at every login; None: the token asks for none."""
    label_prefix: str = "chainpilot-"
    """What the labels of keys made here begin with; stores that share a token need different ones."""
    wait_seconds: float = 30.0
    """How long one thread waits for another's business with a token; making an RSA key takes a card many seconds."""


def read_pin(pin: HiddenText | Path | None) -> str | None:
    """The PIN.

    Raises:
        TokenUnusable: its file can't be read, is empty or too long; the sentence names the file and not what it holds.
    """
    if not isinstance(pin, Path):
        return pin.value if pin else None
    try:
        with pin.open("rb") as file:
            content = file.read(MAX_PIN_BYTES + 1)
        text = content.decode().partition("\n")[0].rstrip("\r")
    except OSError as error:
        raise TokenUnusable(f"the PIN file {pin} can't be read: {error.strerror}") from error
    except UnicodeDecodeError:
        raise TokenUnusable(f"the PIN file {pin} holds no text") from None
    if not text or len(content) > MAX_PIN_BYTES:
        raise TokenUnusable(f"the PIN file {pin} is empty or has more than {MAX_PIN_BYTES} bytes")
    return text

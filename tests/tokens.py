"""SoftHSM as the hardware of tests: tokens in a directory of their own, made and deleted by its own program."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pkcs11
import pytest

from chainpilot.station.adapters.pkcs11 import Pkcs11Keys, TokenSettings
from chainpilot.station.model import Secret
from programs import program

__all__ = ["PIN", "SoftTokens", "soft_tokens"]

PIN = "4711-secret"
_SO_PIN = "0815-officer"
_PLACES = (
    Path("/usr/lib/softhsm/libsofthsm2.so"),
    Path("/usr/lib64/softhsm/libsofthsm2.so"),
    Path("/usr/lib64/pkcs11/libsofthsm2.so"),
)


@dataclass(frozen=True)
class SoftTokens:
    """A SoftHSM with the token `station`."""

    module: Path
    directory: Path

    def add(self, label: str) -> None:
        """Initialise one more token."""
        self._run("--init-token", "--free", "--label", label, "--pin", PIN, "--so-pin", _SO_PIN)

    def remove(self, label: str) -> None:
        """Delete a token with everything on it, as pulling it does for whoever has it open."""
        self._run("--delete-token", "--token", label)

    @contextmanager
    def away(self) -> Iterator[None]:
        """All tokens are pulled, and put back with everything on them."""
        shelf = self.directory / "shelf"
        (self.directory / "tokens").rename(shelf)
        (self.directory / "tokens").mkdir()
        self.reset()
        try:
            yield
        finally:
            (self.directory / "tokens").rmdir()
            shelf.rename(self.directory / "tokens")

    def settings(self, token: str = "station", **changes: object) -> TokenSettings:
        """What opens the token; `changes` are fields of TokenSettings."""
        fields: dict[str, object] = {"module": self.module, "token": token, "pin": Secret(PIN)}
        return TokenSettings(**(fields | changes))  # type: ignore[arg-type]  # - the caller names the fields

    def keys(self, token: str = "station", **changes: object) -> Pkcs11Keys:
        """The provider of the token's keys."""
        return Pkcs11Keys(self.settings(token, **changes))

    def reset(self) -> None:
        """Start the library of this process again: every session of it is lost, as after the reset of a token."""
        pkcs11.lib(str(self.module)).reinitialize()

    def _run(self, *words: str) -> None:
        subprocess.run([program("softhsm2-util"), *words], check=True, capture_output=True)


@contextmanager
def soft_tokens(directory: Path, *, mechanisms: str = "ALL") -> Iterator[SoftTokens]:
    """A SoftHSM in `directory`, for this process and those it starts; `mechanisms` as in softhsm2.conf."""
    program("softhsm2-util")
    module = next((place for place in _PLACES if place.exists()), None)
    if module is None:
        pytest.fail("softhsm2-util is there and libsofthsm2.so is nowhere")
    tokens = SoftTokens(module, directory)
    (directory / "tokens").mkdir(parents=True)
    settings = {"directories.tokendir": directory / "tokens", "objectstore.backend": "file", "log.level": "ERROR"}
    lines = [f"{name} = {value}\n" for name, value in (settings | {"slots.mechanisms": mechanisms}).items()]
    (directory / "softhsm2.conf").write_text("".join(lines))
    before = os.environ.get("SOFTHSM2_CONF")
    os.environ["SOFTHSM2_CONF"] = str(directory / "softhsm2.conf")
    try:
        tokens.add("station")
        tokens.reset()
        yield tokens
    finally:
        pkcs11.lib(str(module)).finalize()
        if before is None:
            del os.environ["SOFTHSM2_CONF"]
        else:
            os.environ["SOFTHSM2_CONF"] = before

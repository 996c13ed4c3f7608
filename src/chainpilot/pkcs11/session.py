"""A session with a token, which is opened when it is needed, and opened again when it is lost.

The Python wrapper starts a PKCS#11 library without locks of its own, so one thread of a process is in any of them at a
time.
"""

import os
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Final, TypeVar

import pkcs11

from chainpilot.pkcs11.faults import GONE, LOST, REFUSED_PIN, meaning
from chainpilot.pkcs11.settings import TokenSettings, TokenUnusable, read_pin

__all__ = ["TokenSession"]

T = TypeVar("T")

_CRYPTOKI: Final = threading.Lock()


class TokenSession:
    """Runs pieces of work on a token, one after the other."""

    def __init__(self, settings: TokenSettings) -> None:
        self._settings = settings
        self._session: pkcs11.Session | None = None
        self._process = os.getpid()
        self._refused: str | None = None
        """The PIN that the token refused: to try it again would lock the token."""

    def run(self, work: Callable[[pkcs11.Session], T], *, anew: bool = False) -> T:
        """What `work` answers; done again once, in a new session, when the old one was lost or didn't see the key.

        Args:
            work: is given the session and keeps nothing of it.
            anew: begin with a new login, without which a token may hide private keys.

        Raises:
            TokenUnusable: whatever went wrong.
        """
        wait = self._settings.wait_seconds
        if not _CRYPTOKI.acquire(timeout=wait):
            raise TokenUnusable(f"another thread has been busy with a token for {wait:g} seconds")
        try:
            return self._run(work, anew=anew)
        except TokenUnusable:
            raise
        except Exception as error:  # house style rule 4: whatever a token's library raises, one family leaves
            raise TokenUnusable(meaning(error, self._settings)) from error
        finally:
            _CRYPTOKI.release()

    def close(self) -> None:
        """Log out; the next piece of work logs in again."""
        with _CRYPTOKI:
            self._drop()

    def _run(self, work: Callable[[pkcs11.Session], T], *, anew: bool) -> T:
        held = self._held()
        if held is not None and not anew:
            with suppress(*LOST, GONE):
                return work(held)
        self._drop()
        self._session = self._open()
        return work(self._session)

    def _held(self) -> pkcs11.Session | None:
        """The open session if it still lives; a search in a dead one would leave its complaint on standard error."""
        if self._process != os.getpid():
            # a session isn't inherited by a forked process, and closing it here could close it there
            self._session, self._process = None, os.getpid()
            self._library().reinitialize()
        if self._session is None:
            return None
        try:
            self._session.generate_random(64)
        except LOST:
            self._session = None
        except pkcs11.PKCS11Error:
            return self._session  # a token without random numbers has answered too
        return self._session

    def _open(self) -> pkcs11.Session:
        pin = read_pin(self._settings.pin)
        if pin is not None and pin == self._refused:
            raise pkcs11.PinIncorrect
        token = self._find()
        try:
            return token.open(rw=True, user_pin=pin)
        except pkcs11.UserAlreadyLoggedIn:
            return token.open(rw=True)  # by another session of this process, and a login is the process's
        except REFUSED_PIN:
            self._refused = pin
            raise

    def _find(self) -> pkcs11.Token:
        """Some libraries see a token that was made after they were started only when they are started again."""
        library = self._library()
        try:
            return library.get_token(token_label=self._settings.token)
        except (pkcs11.NoSuchToken, pkcs11.GeneralError):
            library.reinitialize()
            return library.get_token(token_label=self._settings.token)

    def _library(self) -> "pkcs11._pkcs11.lib":
        module = self._settings.module
        try:
            return pkcs11.lib(str(module))
        except (pkcs11.PKCS11Error, OSError) as error:
            what = "is no PKCS#11 library that can be loaded" if module.is_file() else "isn't there"
            raise TokenUnusable(f"the PKCS#11 module {module} {what}") from error

    def _drop(self) -> None:
        session, self._session = self._session, None
        if session is not None:
            with suppress(pkcs11.PKCS11Error):  # it was lost already
                session.close()

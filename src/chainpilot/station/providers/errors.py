"""What goes wrong with a key that someone provides; no sentence here ever holds a password, a PIN or a key."""

from chainpilot.errors import OwnError

__all__ = ["KeyFileError", "KeyMakingError"]


class KeyFileError(OwnError):
    """The key of a key file isn't to be had; `why` goes on where a sentence began with the file's name."""

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why = why


class KeyMakingError(OwnError):
    """A key could not be made; `why` is a sentence."""

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why = why

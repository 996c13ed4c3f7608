"""What a token's own complaint means, in plain words and with what helps."""

import re
from typing import Final

import pkcs11

from chainpilot.pkcs11.settings import TokenSettings

__all__ = ["GONE", "LOST", "REFUSED_PIN", "meaning"]

LOST: Final = (
    pkcs11.SessionHandleInvalid,
    pkcs11.SessionClosed,
    pkcs11.UserNotLoggedIn,
    pkcs11.DeviceRemoved,
    pkcs11.TokenNotPresent,
    pkcs11.TokenNotRecognised,
    pkcs11.DeviceError,
    pkcs11.FunctionFailed,
    pkcs11.GeneralError,
)
"""The session is no more, or may be: the token was pulled or reset, or another session of this process logged out."""
GONE: Final = pkcs11.NoSuchKey
"""The key isn't there, or not seen: without a login a token hides private keys and doesn't say so."""
REFUSED_PIN: Final = (pkcs11.PinIncorrect, pkcs11.PinInvalid, pkcs11.PinLenRange)

_PIN_REFUSED: Final = (
    "the token {token} refuses the configured PIN; it isn't tried again before another one is configured, or a restart"
)
_OF_A_KIND: Final = "the token {token} doesn't do this kind of key"
_CODE: Final = re.compile(r"\b0x[0-9a-f]{1,16}\b")
_MEANINGS: Final[dict[type[Exception], str]] = {
    pkcs11.NoSuchToken: "no token labelled {token} is there; plug it in, or look at the label",
    pkcs11.MultipleTokensReturned: "several tokens are labelled {token}; give them different labels",
    pkcs11.NoSuchKey: "the token {token} doesn't hold the key",
    pkcs11.MultipleObjectsReturned: "the token {token} holds several keys that fit",
    pkcs11.PinIncorrect: _PIN_REFUSED,
    pkcs11.PinInvalid: _PIN_REFUSED,
    pkcs11.PinLenRange: _PIN_REFUSED,
    pkcs11.PinLocked: "the token {token} has locked its PIN after too many wrong ones; its security officer resets it",
    pkcs11.PinExpired: "the PIN of the token {token} is expired; set a new one",
    pkcs11.UserPinNotInitialized: "the token {token} has no user PIN yet; set one",
    pkcs11.UserNotLoggedIn: "the token {token} wants a PIN; configure it",
    pkcs11.MechanismInvalid: _OF_A_KIND,
    pkcs11.KeySizeRange: _OF_A_KIND,
    pkcs11.DomainParamsInvalid: _OF_A_KIND,
    pkcs11.DeviceMemory: "the token {token} is full",
    pkcs11.TokenWriteProtected: "the token {token} is write-protected",
    pkcs11.SessionCount: "the token {token} has no session left; other programs use it",
    pkcs11.DeviceRemoved: "the token {token} was pulled",
    pkcs11.TokenNotPresent: "the token {token} was pulled",
}


def meaning(error: Exception, settings: TokenSettings) -> str:
    """A clause for people; a complaint that isn't known here is told by its name or code and never by its text."""
    told = _MEANINGS.get(type(error), "the token {token} answered {kind}")
    if type(error) is pkcs11.PKCS11Error and (code := _CODE.search(str(error))):
        told = f"the token {{token}} answered with the code {code[0]}"
    return told.format(token=settings.token, kind=type(error).__name__)

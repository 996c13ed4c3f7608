"""The rooms behind the extra `pkcs11`, opened late: who has no keys in hardware doesn't install it."""

from typing import TYPE_CHECKING

from chainpilot.pkcs11.settings import TokenSettings, TokenUnusable

if TYPE_CHECKING:
    from chainpilot.pkcs11.token import Token

__all__ = ["open_token"]


def open_token(settings: TokenSettings) -> "Token":
    """The token; it is first talked to when something is asked of it.

    Raises:
        TokenUnusable: python-pkcs11 isn't installed.
    """
    try:
        from chainpilot.pkcs11.token import Token  # noqa: PLC0415 - see above
    except ImportError as error:
        raise TokenUnusable("python-pkcs11 isn't installed; pip install 'chainpilot[pkcs11]'") from error
    return Token(settings)

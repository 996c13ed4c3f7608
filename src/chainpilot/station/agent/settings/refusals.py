"""Why a setting is not changed or told: a reason code of OCPP 2.0.1 and a sentence, which quote no value.

What a refusal is answered with in each version is `configuration`'s.
"""

from enum import Enum

from chainpilot.errors import OwnError, PeerError

__all__ = ["ReasonCode", "SettingRefused", "StepRefused"]


class ReasonCode(Enum):
    """Why, in a word of OCPP 2.0.1's appendix 5; at most 20 characters."""

    INTERNAL_ERROR = "InternalError"
    """A disk or a store of ours can't be used now."""
    INVALID_CONF_SLOT = "InvalidConfSlot"
    INVALID_NETWORK_CONF = "InvalidNetworkConf"
    INVALID_URL = "InvalidURL"
    INVALID_VALUE = "InvalidValue"
    MISSING_PARAM = "MissingParam"
    """Something that the value needs is not there yet."""
    NO_SECURITY_DOWNGRADE = "NoSecurityDowngrade"
    NOT_FOUND = "NotFound"
    OUT_OF_STORAGE = "OutOfStorage"
    PRIORITY_NETWORK_CONF = "PriorityNetworkConf"
    """The slot is in use."""
    READ_ONLY = "ReadOnly"
    UNSUPPORTED_PARAM = "UnsupportedParam"
    VALUE_OUT_OF_RANGE = "ValueOutOfRange"
    WRITE_ONLY = "WriteOnly"


class SettingRefused(PeerError):
    """The CSMS wants a value that can't be; `code` and `why` say the reason without the value."""

    def __init__(self, code: ReasonCode, why: str) -> None:
        super().__init__(f"{code.value}: {why}")
        self.code = code
        self.why = why


class StepRefused(OwnError):
    """An operator's step up to another security profile can't be made; `why` says what is missing."""

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why = why

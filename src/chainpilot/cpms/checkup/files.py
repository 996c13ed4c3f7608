"""Can the files be used that a configuration names beside those which it reads itself?"""

from chainpilot.cpms.adapters.est_http import EstHttp
from chainpilot.cpms.adapters.est_transport import EstSetupError
from chainpilot.cpms.adapters.gateway import ListenerSetupError
from chainpilot.cpms.adapters.gateway.keyring import Keyring
from chainpilot.cpms.config import CpmsConfig

__all__ = ["setup_faults"]


def setup_faults(config: CpmsConfig) -> list[ListenerSetupError | EstSetupError]:
    """The files named in the configuration that can't be used; nothing is listened on, and nobody called."""
    faults: list[ListenerSetupError | EstSetupError] = []
    for listener in config.listeners:
        try:
            if listener.profile.has_tls:
                Keyring.read(listener)
        except ListenerSetupError as error:
            faults.append(error)
    for pki in config.pkis.values():
        try:
            EstHttp(pki)
        except EstSetupError as error:
            faults.append(error)
    return faults

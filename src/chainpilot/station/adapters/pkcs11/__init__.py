"""Keys on a PKCS#11 token, as a key provider for the station's store.

`Pkcs11Keys` is made from `TokenSettings`. A key's file holds a reference that OpenSSL's pkcs11-provider understands
too; the private key is generated on the token and never leaves it. Which key belongs to what is the store's matter.
"""

from chainpilot.pkcs11.settings import TokenSettings, TokenUnusable
from chainpilot.station.adapters.pkcs11.keys import Pkcs11Keys

__all__ = ["Pkcs11Keys", "TokenSettings", "TokenUnusable"]

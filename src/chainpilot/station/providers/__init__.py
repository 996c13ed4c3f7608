"""Where private keys live: the small interface of a key provider, and the provider whose keys are files.

Every key has a *key file* in the store's key directory. With `FileKeys` it is the key itself; with a provider of
hardware it is a small reference by which the key is found again. So the store's crash-safe change of files covers keys
of every kind: a key counts from the moment its file is there, and its file is gone before the key is destroyed.

A provider for TPM 2.0 would implement the same interface: `make` creates a key under the TPM's storage key and answers
the wrapped blob as a `TSS2 PRIVATE KEY` file with the suffix `.tkey`; `recognises` looks for that armour, which tells
it from other providers of that suffix; `public_half` reads the public area in the file without asking the TPM;
`signer` loads the blob and delegates; `destroy` and `strays` have nothing to do, since the TPM keeps no blob.

Which key belongs to which certificate, and when a key goes, is the store's matter.
"""

from collections.abc import Iterable

from chainpilot.station.providers.armour import MAX_KEY_FILE_BYTES, armour_label, check_size
from chainpilot.station.providers.errors import KeyFileError, KeyMakingError
from chainpilot.station.providers.files import FileKeys
from chainpilot.station.providers.interface import KeyProvider, MadeKey

__all__ = [
    "MAX_KEY_FILE_BYTES",
    "FileKeys",
    "KeyFileError",
    "KeyMakingError",
    "KeyProvider",
    "MadeKey",
    "provider_of",
]


def provider_of(providers: Iterable[KeyProvider], data: bytes) -> KeyProvider:
    """The provider that opens a key file with that content: the first that recognises it, whatever its suffix.

    Raises:
        KeyFileError: the data is empty or too long, or none of them recognises it.
    """
    check_size(data)
    for provider in providers:
        if provider.recognises(data):
            return provider
    if (label := armour_label(data)) is not None:
        raise KeyFileError(f"holds a {label}, and no provider that opens one is configured")
    raise KeyFileError("holds no private key")

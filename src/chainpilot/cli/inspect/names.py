"""A certificate's alternative names, for showing; nothing rests on them."""

from typing import Final

from cryptography import x509

from chainpilot.pki.certificate import Certificate

__all__ = ["alternative_names"]

_KINDS: Final[tuple[tuple[type[x509.GeneralName], str], ...]] = (
    (x509.DNSName, "DNS"),
    (x509.IPAddress, "IP"),
    (x509.UniformResourceIdentifier, "URI"),
    (x509.RFC822Name, "email"),
)


def alternative_names(certificate: Certificate) -> tuple[str, ...]:
    """DNS names, addresses and the like, each with its kind in front; empty where there are none or none that reads."""
    if not certificate.extensions.has_alternative_names:
        return ()
    try:
        extensions = x509.load_der_x509_certificate(certificate.der).extensions
        found = extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        return tuple(map(_words, found))
    except Exception:  # noqa: BLE001 - x509.md duty 7: extensions parse late and raise many things
        return ("present, but unreadable",)


def _words(name: x509.GeneralName) -> str:
    kind = next((words for kind, words in _KINDS if isinstance(name, kind)), "other")
    return f"{kind} {name.value}"

"""Pairs of key objects on a token: making, finding, reading and destroying them within an open session.

What the token or its library raises leaves here as it is; `session` translates it.
"""

from itertools import islice
from typing import Any, Final

import pkcs11
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, rsa
from cryptography.x509 import ObjectIdentifier
from pkcs11 import Attribute, KeyType, Mechanism, MechanismFlag, ObjectClass

from chainpilot.pkcs11.reference import KeyReference
from chainpilot.pkcs11.settings import TokenUnusable
from chainpilot.pkcs11.signers import Scheme
from chainpilot.pki.der import DerError, decode_oid, read_one
from chainpilot.pki.keys import KeySpec, PublicKey, key_spec_of

__all__ = ["MAX_OBJECTS", "destroy", "generate", "labelled", "public_half", "sign"]

MAX_OBJECTS: Final = 2000
"""Private keys looked through at most: the reference's limit on certificates (station-store.md section 2)."""

_PARAMETERS: Final = {
    KeySpec.P256: bytes.fromhex("06082a8648ce3d030107"),
    KeySpec.P384: bytes.fromhex("06052b81040022"),
    KeySpec.P521: bytes.fromhex("06052b81040023"),
    KeySpec.ED25519: bytes.fromhex("06032b6570"),
    KeySpec.ED448: bytes.fromhex("06032b6571"),
}
"""CKA_EC_PARAMS: the curve's object identifier (RFC 5480 section 2.1.1.1, RFC 8410 section 3)."""
_RSA_BITS: Final = {KeySpec.RSA2048: 2048, KeySpec.RSA3072: 3072, KeySpec.RSA4096: 4096}
_EDWARDS: Final = frozenset({KeySpec.ED25519, KeySpec.ED448})
_MAKING: Final = {
    KeyType.RSA: Mechanism.RSA_PKCS_KEY_PAIR_GEN,
    KeyType.EC: Mechanism.EC_KEY_PAIR_GEN,
    KeyType.EC_EDWARDS: Mechanism.EC_EDWARDS_KEY_PAIR_GEN,
}
_SIGNING: Final = {
    Scheme.ECDSA: Mechanism.ECDSA,
    Scheme.RSA: Mechanism.RSA_PKCS,
    Scheme.ED25519: Mechanism.EDDSA,
    Scheme.ED448: Mechanism.EDDSA,
}
_PARAMETER: Final = {Scheme.ED448: (False, None)}
"""Pure Ed448 with no context: unlike for Ed25519, the parameters may not be left out."""
_PRIVATE: Final = {
    Attribute.PRIVATE: True,
    Attribute.SENSITIVE: True,
    Attribute.EXTRACTABLE: False,
}


def generate(session: pkcs11.Session, spec: KeySpec, reference: KeyReference) -> PublicKey:
    """Make a pair that signs and does nothing else.

    Raises:
        TokenUnusable: the token made something else than was asked for; it is destroyed again.
    """
    kind = KeyType.RSA if spec in _RSA_BITS else KeyType.EC_EDWARDS if spec in _EDWARDS else KeyType.EC
    if _MAKING[kind] not in session.token.slot.get_mechanisms():
        raise pkcs11.MechanismInvalid
    named: dict[str, Any] = {
        "id": reference.id,
        "label": reference.label,
        "store": True,
        "capabilities": MechanismFlag.SIGN | MechanismFlag.VERIFY,
        "private_template": _PRIVATE,
    }
    if kind is KeyType.RSA:
        _, private = session.generate_keypair(kind, _RSA_BITS[spec], **named)
    else:
        domain = session.create_domain_parameters(kind, {Attribute.EC_PARAMS: _PARAMETERS[spec]}, local=True)
        _, private = domain.generate_keypair(**named)
    try:
        return _as_asked(private, public_half(session, reference), spec)
    except Exception:  # whatever it was: a key that nobody will name must not stay
        destroy(session, reference)
        raise


def public_half(session: pkcs11.Session, reference: KeyReference) -> PublicKey:
    """The public key of a private key that is there."""
    private = _one(session, ObjectClass.PRIVATE_KEY, reference)
    public = _one(session, ObjectClass.PUBLIC_KEY, KeyReference(None, private[Attribute.ID], None))
    try:
        return _read(public)
    except (ValueError, TypeError, DerError) as error:
        raise TokenUnusable("the token tells its public half in a form that isn't known") from error


def sign(session: pkcs11.Session, reference: KeyReference, scheme: Scheme, data: bytes) -> bytes:
    """The token's own answer."""
    private = _one(session, ObjectClass.PRIVATE_KEY, reference)
    signature: bytes = private.sign(data, mechanism=_SIGNING[scheme], mechanism_param=_PARAMETER.get(scheme))
    return signature


def destroy(session: pkcs11.Session, reference: KeyReference) -> None:
    """Destroy the private key, if it is there, and then its public one; the session must be a fresh one to be sure."""
    found = _find(session, ObjectClass.PRIVATE_KEY, reference)
    if len(found) > 1:
        raise pkcs11.MultipleObjectsReturned
    identity = found[0][Attribute.ID] if found else reference.id
    for private in found:
        private.destroy()
    if identity:
        for public in _find(session, ObjectClass.PUBLIC_KEY, KeyReference(None, identity, reference.label)):
            public.destroy()


def labelled(session: pkcs11.Session, prefix: str) -> tuple[KeyReference, ...]:
    """The private keys whose label begins so; the session must be a fresh one to be sure."""
    found = _find(session, ObjectClass.PRIVATE_KEY, KeyReference(None, None, None))
    named = (KeyReference(session.token.label, one[Attribute.ID], one[Attribute.LABEL]) for one in found)
    return tuple(reference for reference in named if (reference.label or "").startswith(prefix))


def _one(session: pkcs11.Session, kind: ObjectClass, reference: KeyReference) -> Any:
    found = _find(session, kind, reference)
    if not found:
        raise pkcs11.NoSuchKey
    if len(found) > 1:
        raise pkcs11.MultipleObjectsReturned
    return found[0]


def _find(session: pkcs11.Session, kind: ObjectClass, reference: KeyReference) -> list[Any]:
    wanted: dict[Attribute, Any] = {Attribute.CLASS: kind, Attribute.TOKEN: True}
    if reference.id:
        wanted[Attribute.ID] = reference.id
    if reference.label:
        wanted[Attribute.LABEL] = reference.label
    found = list(islice(session.get_objects(wanted), MAX_OBJECTS + 1))
    if len(found) > MAX_OBJECTS:
        raise TokenUnusable(f"the token holds more than {MAX_OBJECTS} keys")
    return found


def _read(public: Any) -> PublicKey:
    if public[Attribute.KEY_TYPE] is KeyType.RSA:
        modulus, exponent = (
            int.from_bytes(public[name], "big") for name in (Attribute.MODULUS, Attribute.PUBLIC_EXPONENT)
        )
        return rsa.RSAPublicNumbers(exponent, modulus).public_key()
    point: bytes = public[Attribute.EC_POINT]
    if public[Attribute.KEY_TYPE] is KeyType.EC_EDWARDS:
        return _read_edwards(point)
    curve = ec.get_curve_for_oid(ObjectIdentifier(decode_oid(read_one(public[Attribute.EC_PARAMS]))))()
    is_raw = len(point) == 1 + 2 * ((curve.key_size + 7) // 8)
    return ec.EllipticCurvePublicKey.from_encoded_point(curve, point if is_raw else read_one(point).content)


def _read_edwards(point: bytes) -> PublicKey:
    """Version 2.40 of PKCS#11 has the point in an OCTET STRING, and 3.0 as it is."""
    raw = point if len(point) in {32, 57} else read_one(point).content
    if len(raw) == 32:
        return ed25519.Ed25519PublicKey.from_public_bytes(raw)
    return ed448.Ed448PublicKey.from_public_bytes(raw)


def _as_asked(private: Any, public: PublicKey, spec: KeySpec) -> PublicKey:
    if key_spec_of(public) is not spec:
        raise TokenUnusable("the token made a key of another kind")
    if not private[Attribute.SENSITIVE] or private[Attribute.EXTRACTABLE]:
        raise TokenUnusable("the token doesn't keep private keys to itself")
    return public

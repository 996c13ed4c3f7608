"""Reads a hierarchy declared in TOML: every mistake is a sentence that names its key. NEVER for production.

The packaged declarations stand in `hierarchies`; docs/howto/rehearse.md explains the keys.
"""

import functools
import re
import tomllib
from datetime import timedelta
from enum import Enum
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Any, Final, TypeVar

import msgspec

from chainpilot.errors import OwnError
from chainpilot.pki.keys import KeySpec
from chainpilot.testpki.hierarchy import PLANS, Authority, EstLabel, Hierarchy, LeafPlan, OcspSigner, Use

__all__ = ["PACKAGED", "HierarchyError", "load_hierarchy", "packaged", "parse_hierarchy"]

PACKAGED: Final = ("default", "hubject-like")
"""Declarations that come with the program, by their names."""
_MAX_TEXT: Final = 64 * 1024
"""Characters read at most; the packaged ones have about 5000."""
_MAX_AUTHORITIES: Final = 64
_MAX_YEARS: Final = 60
_AUTHORITY_NAME: Final = re.compile(r"[a-z][a-z0-9_]{0,39}")
"""It is the name of files."""
_LABEL_NAME: Final = re.compile(r"[a-z0-9][a-z0-9-]{0,39}")
"""It is a segment of a URL's path."""
_EDITION_KEYS: Final = frozenset({KeySpec.P256, KeySpec.P521, KeySpec.ED448})
_Form = TypeVar("_Form", bound=msgspec.Struct)
_Days = Annotated[int, msgspec.Meta(ge=1, le=365 * _MAX_YEARS)]
_Text = Annotated[str, msgspec.Meta(min_length=1, max_length=64)]


class HierarchyError(OwnError):
    """A declaration can't be used: `key` is where, in TOML's own words, `why` what is wrong there."""

    def __init__(self, key: str, why: str) -> None:
        super().__init__(f"hierarchy, {key}: {why}" if key else f"hierarchy: {why}")
        self.key = key
        self.why = why


class _AuthorityForm(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """An `[authority.<name>]` table as written."""

    common_name: _Text
    domain: _Text
    days: _Days
    parent: str | None = None
    path_length: Annotated[int, msgspec.Meta(ge=0, le=8)] | None = None
    ocsp: OcspSigner = OcspSigner.ISSUER
    key: KeySpec = KeySpec.P256
    key_id_octets: int = 20
    names_crl: bool = False
    may_sign_ocsp: bool = False


class _LabelForm(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """A `[label.<name>]` table as written."""

    authority: str
    use: Use
    keys: list[KeySpec] | None = None
    days: _Days | None = None
    says_not_ca: bool = False


class _FileForm(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """The whole file as written, its tables still raw so that a mistake in one can name it."""

    est_server: str
    csms_server: str | None = None
    authority: dict[str, Any]
    label: dict[str, Any]


_WORDS: Final[dict[str, type[Enum]]] = {"ocsp": OcspSigner, "key": KeySpec, "keys": KeySpec, "use": Use}
"""The keys that take one word, or a list, out of a few."""


@functools.cache
def packaged(name: str = PACKAGED[0]) -> Hierarchy:
    """A hierarchy that comes with the program: `default`, or `hubject-like` with the oddities of real certificates."""
    file = files("chainpilot.testpki") / "hierarchies" / f"{name.replace('-', '_')}.toml"
    return parse_hierarchy(file.read_text("utf-8"))


def load_hierarchy(path: Path) -> Hierarchy:
    """The hierarchy that a file declares.

    Raises:
        HierarchyError: the file can't be read, or what it declares can't be used.
    """
    try:
        return parse_hierarchy(path.read_text("utf-8"))
    except OSError as error:
        raise HierarchyError("", f"{path}: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise HierarchyError("", f"{path}: it is no UTF-8") from error


def parse_hierarchy(text: str) -> Hierarchy:
    """The hierarchy that a TOML text declares. Raises HierarchyError."""
    if len(text) > _MAX_TEXT:
        raise HierarchyError("", f"{len(text)} characters; at most {_MAX_TEXT} are read")
    try:
        raw = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise HierarchyError("", f"it is no TOML: {error}") from error
    form = _converted(raw, _FileForm, "")
    if not 1 <= len(form.authority) <= _MAX_AUTHORITIES:
        raise HierarchyError("authority", f"{len(form.authority)} tables; 1 to {_MAX_AUTHORITIES} are read")
    authorities: dict[str, Authority] = {}
    for name, table in form.authority.items():
        authorities[name] = _authority(name, table, authorities)
    labels = {name: _label(name, table, authorities) for name, table in form.label.items()}
    for key, signer in (("est_server", form.est_server), ("csms_server", form.csms_server)):
        if signer is not None and signer not in authorities:
            raise HierarchyError(key, f"there is no authority {signer!r}")
    return Hierarchy(tuple(authorities.values()), labels, form.est_server, form.csms_server, text)


def _authority(name: str, table: object, above: dict[str, Authority]) -> Authority:
    key = f"authority.{name}"
    if not _AUTHORITY_NAME.fullmatch(name):
        raise HierarchyError(key, "a name has 1 to 40 small letters, digits and _, a letter first")
    form = _converted(table, _AuthorityForm, key)
    if form.key_id_octets not in {8, 20}:
        raise HierarchyError(f"{key}.key_id_octets", f"{form.key_id_octets}, and it is 8 or 20")
    if not form.common_name.isprintable() or not form.domain.isprintable():
        raise HierarchyError(key, "common_name and domain are printable")
    if form.parent is not None:
        _check_parent(key, form, above)
    return Authority(
        name=name,
        parent=form.parent,
        common_name=form.common_name,
        domain=form.domain,
        path_length=form.path_length,
        lifetime=timedelta(days=form.days),
        ocsp=form.ocsp,
        key=form.key,
        key_id_octets=form.key_id_octets,
        names_crl=form.names_crl,
        may_sign_ocsp=form.may_sign_ocsp,
    )


def _check_parent(key: str, form: _AuthorityForm, above: dict[str, Authority]) -> None:
    parent = above.get(form.parent or "")
    if parent is None:
        raise HierarchyError(f"{key}.parent", f"there is no authority {form.parent!r} above it")
    if parent.path_length is None:
        return
    if parent.path_length == 0:
        raise HierarchyError(f"{key}.parent", f"{parent.name} has path_length 0, so no CA may stand below it")
    if form.path_length is None or form.path_length >= parent.path_length:
        raise HierarchyError(f"{key}.path_length", f"it must be less than {parent.path_length}, that of {parent.name}")


def _label(name: str, table: object, authorities: dict[str, Authority]) -> EstLabel:
    key = f"label.{name}"
    if not _LABEL_NAME.fullmatch(name):
        raise HierarchyError(key, "a name has 1 to 40 small letters, digits and -")
    form = _converted(table, _LabelForm, key)
    signer = authorities.get(form.authority)
    if signer is None:
        raise HierarchyError(f"{key}.authority", f"there is no authority {form.authority!r}")
    if form.use.has_edition and signer.key not in _EDITION_KEYS:
        why = f"ISO 15118 has P-256, P-521 and Ed448, and the key of {signer.name} is {signer.key.value}"
        raise HierarchyError(f"{key}.use", why)
    if form.keys is not None and not 1 <= len(set(form.keys)) == len(form.keys) <= 4:
        raise HierarchyError(f"{key}.keys", "it names 1 to 4 kinds of keys, each once")
    return EstLabel(form.authority, _leaf_plan(form), tuple(form.keys or (signer.key,)))


def _leaf_plan(form: _LabelForm) -> LeafPlan:
    plan = PLANS[form.use]
    lifetime = timedelta(days=form.days) if form.days is not None else plan.lifetime
    return LeafPlan(plan.use, plan.key_usage, plan.extended_key_usage, lifetime, form.says_not_ca)


def _converted(table: object, form: type[_Form], key: str) -> _Form:
    try:
        return msgspec.convert(table, form)
    except msgspec.ValidationError as error:
        why, _, path = str(error).partition(" - at `$")
        path = path.rstrip("`")
        raise HierarchyError(f"{key}{path}".lstrip("."), f"{why}{_choice(why, path, form)}") from error


def _choice(why: str, path: str, form: type[msgspec.Struct]) -> str:
    """What could have been written in place of a word that isn't known."""
    words = _WORDS.get(path.rpartition(".")[2].partition("[")[0])
    if "enum value" in why and words is not None:
        return f"; there are {', '.join(word.value for word in words)}"
    if "unknown field" in why:
        return f"; there are {', '.join(form.__struct_fields__)}"
    return ""

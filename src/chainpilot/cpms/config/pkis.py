"""[pki.NAME]: from what the operator wrote to a PKI that can be called."""

from pathlib import Path
from typing import Final

from chainpilot.cpms.config.document import OAuthInput, PathsInput, PkiInput, TrustInput
from chainpilot.cpms.config.material import Material, admit
from chainpilot.cpms.config.settings import ClientCertificate, ConfigError, OAuthConfig, PkiConfig
from chainpilot.cpms.enrolment import CsrProfile
from chainpilot.pki.trust import TrustAnchors
from chainpilot.wire.est.oauth import MAX_TOKEN, ClientCredentials, TokenBody, is_bearer_token
from chainpilot.wire.est.paths import PRESETS, EstPaths, PathError, PathTemplates

__all__ = ["pki_from"]

_DEFAULT_PRESET: Final = "rfc7030"
_WORDS: Final = ("label", "ca", "iso", "algorithm")
"""Keys whose values fill the places of the paths."""


def pki_from(name: str, given: PkiInput, trust: TrustInput, material: Material) -> PkiConfig:
    """Validate the table [pki.`name`]. Raises ConfigError."""
    key, variable = f"pki.{name}", f"CHAINPILOT_PKI_{name.upper().replace('-', '_')}"
    password = material.secret(f"{key}.password_file", given.password_file, f"{variable}_PASSWORD")
    if given.username and not password:
        raise ConfigError(f"{key}.username", "a user name without a password; name its file in password_file")
    if given.password_file is not None and not given.username:
        raise ConfigError(f"{key}.password_file", "a password without a user name; write it as username")
    token = material.secret(f"{key}.token_file", given.token_file, f"{variable}_TOKEN", most=MAX_TOKEN)
    if token and not is_bearer_token(token):
        why = "the token holds characters that no Bearer token has (RFC 6750 section 2.1)"
        raise ConfigError(f"{key}.token_file", why)
    logins = {"a user name": given.username, "a token": token, "oauth": given.oauth}
    chosen = [login for login, value in logins.items() if value]
    if len(chosen) > 1:
        raise ConfigError(key, f"it has {' and '.join(chosen)}, and one login is sent: take the others away")
    return PkiConfig(
        name=name,
        url=given.url,
        paths=_paths(key, given),
        username=given.username,
        password=password if given.username else "",
        token=token,
        oauth=_oauth(f"{key}.oauth", given.oauth, variable, trust, material),
        client=_client(key, given, material.folder),
        tls_anchors=_tls_anchors(f"{key}.tls_ca", given.tls_ca, trust, material.folder),
        repost_safe=given.repost_safe,
        timeout=given.timeout,
        csr_profile=CsrProfile(given.csr_profile),
    )


def _paths(key: str, given: PkiInput) -> EstPaths:
    if given.preset is not None and given.paths is not None:
        raise ConfigError(f"{key}.preset", f"[{key}.paths] has the paths already; take one of the two away")
    preset = given.preset or _DEFAULT_PRESET
    shape = f"[{key}.paths]" if given.paths is not None else f"the preset {preset}"
    templates = PRESETS[preset] if given.paths is None else _templates(given.paths)
    words = {word: value for word in _WORDS if (value := getattr(given, word)) is not None}
    if "label" in templates.places:
        words.setdefault("label", "")
    try:
        paths = templates.fill(**words)
    except PathError as error:
        raise _misfit(key, shape, error) from error
    stray = next((path for path in (paths.cacerts, paths.simpleenroll) if "{" in path or "}" in path), None)
    if stray is not None:
        raise ConfigError(f"{key}.paths", f"a brace without its partner in {stray}")
    return paths


def _misfit(key: str, shape: str, error: PathError) -> ConfigError:
    if not error.template:
        return ConfigError(f"{key}.{error.word}", f"{shape} has no place for it")
    if error.word not in _WORDS:
        why = f"{error.template} has a place {{{error.word}}}; there are {', '.join(_WORDS)}"
        return ConfigError(f"{key}.paths", why)
    return ConfigError(f"{key}.{error.word}", f"{shape} needs it, for {error.template}")


def _templates(given: PathsInput) -> PathTemplates:
    return PathTemplates(given.cacerts, given.simpleenroll, given.simplereenroll or "", given.csrattrs or "")


def _oauth(
    key: str, given: OAuthInput | None, variable: str, trust: TrustInput, material: Material
) -> OAuthConfig | None:
    if given is None:
        return None
    secret = material.secret(f"{key}.client_secret_file", given.client_secret_file, f"{variable}_CLIENT_SECRET")
    if not secret:
        why = f"needed, or the environment variable {variable}_CLIENT_SECRET"
        raise ConfigError(f"{key}.client_secret_file", why)
    return OAuthConfig(
        url=given.url,
        credentials=ClientCredentials(given.client_id, secret, given.audience, given.scope),
        body=TokenBody(given.body),
        tls_anchors=_tls_anchors(f"{key}.tls_ca", given.tls_ca, trust, material.folder),
    )


def _client(key: str, given: PkiInput, folder: Path) -> ClientCertificate | None:
    certificate, client_key = given.client_certificate, given.client_key
    if certificate is None and client_key is None:
        return None
    if certificate is None or client_key is None:
        missing = "client_certificate" if certificate is None else "client_key"
        raise ConfigError(f"{key}.{missing}", "a client certificate and its key go together")
    return ClientCertificate(folder / certificate, folder / client_key)


def _tls_anchors(key: str, file: Path | None, trust: TrustInput, folder: Path) -> TrustAnchors | None:
    if file is None:
        return None
    anchors = admit(key, [file], folder, allow_test_pki=trust.allow_test_pki)
    if not len(anchors):
        raise ConfigError(key, f"{file} holds no certificate")
    return anchors

"""The configuration: what is refused is refused with a sentence, and secrets stay out of sight."""

import re
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import pytest

from chainpilot.cpms.config import ConfigError, KeyOnToken, ServerCertificate, config_from, load_config
from chainpilot.cpms.model import SecurityProfile
from chainpilot.cpms.trust import ListPolicy
from chainpilot.pkcs11.reference import KeyReference
from chainpilot.pkcs11.settings import TokenSettings
from chainpilot.pki.trust import LeafUse, TrustDomain
from forge import BEGIN, forge
from sims import v2g_ladder

__all__: list[str] = []

LISTENER = {"name": "two", "profile": 2, "certificate": "server.pem", "key": "server.key"}
PKI = {"url": "https://pki.example/.well-known/est", "label": "cpo", "username": "cpms"}


def document(**changes: Any) -> dict[str, Any]:
    """A small good document; None takes a section away."""
    whole = {"listener": [LISTENER], "database": {"file": "cpms.sqlite"}, **changes}
    return {name: section for name, section in whole.items() if section is not None}


def complaint(folder: Path, **changes: Any) -> str:
    """The sentence with which it is refused."""
    with pytest.raises(ConfigError) as refused:
        config_from(document(**changes), folder, {})
    return str(refused.value)


def test_a_small_document_is_enough(tmp_path: Path) -> None:
    config = config_from(document(), tmp_path, {})
    assert config.listeners[0].profile is SecurityProfile.TLS_BASIC
    assert config.listeners[0].certificates == (ServerCertificate(tmp_path / "server.pem", tmp_path / "server.key"),)
    assert config.database.file == tmp_path / "cpms.sqlite"
    assert config.server.heartbeat_interval == 300


def test_a_whole_file_is_read(tmp_path: Path) -> None:
    ladder = v2g_ladder()
    (tmp_path / "root.pem").write_text(ladder.root.certificate.to_pem())
    (tmp_path / "password").write_text("secret\n")
    (tmp_path / "cpms.toml").write_text(
        """
        [server]
        heartbeat_interval = 60
        [[listener]]
        name = "two"
        profile = 2
        port = 0
        certificate = "server.pem"
        key = "server.key"
        [[listener]]
        name = "three"
        profile = 3
        certificate = "server.pem"
        key = "server.key"
        client_ca = "root.pem"
        [database]
        file = "cpms.sqlite"
        [pki.hubject]
        url = "https://pki.example"
        label = "cpo"
        username = "cpms"
        password_file = "password"
        repost_safe = true
        [issue]
        v2g = "hubject"
        [trust]
        v2g = ["root.pem"]
        [policy]
        requests_per_hour = 5
        [tokens]
        """
    )
    config = load_config(tmp_path / "cpms.toml", {})
    assert config.pkis["hubject"].password == "secret"
    assert config.pkis["hubject"].repost_safe
    assert config.issue == {LeafUse.V2G: "hubject"}
    assert config.anchors[TrustDomain.V2G].anchors == (ladder.root.certificate,)
    assert config.listeners[1].client_anchors.anchors == (ladder.root.certificate,)
    assert config.policy.requests_per_hour == 5


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"lisener": []}, "the key lisener is not known; did you mean listener?"),
        ({"server": {"heartbeat": 5}}, "server: the key heartbeat is not known; did you mean heartbeat_interval?"),
        ({"issue": {"zzz": 5}}, "issue: the key zzz is not known; known here: csms, v2g"),
        ({"tokens": {"file": "x"}}, "tokens: the key file is not known; known here: none"),
        (
            {"pki": {"a": {**PKI, "repost_save": True}}},
            "pki.a: the key repost_save is not known; did you mean repost_safe?",
        ),
        ({"listener": [{**LISTENER, "cert": "x"}]}, "listener.0: the key cert is not known; did you mean certificate?"),
    ],
)
def test_an_unknown_key_is_refused_with_the_nearest_known_one(
    tmp_path: Path, changes: dict[str, Any], sentence: str
) -> None:
    assert complaint(tmp_path, **changes) == sentence


@pytest.mark.parametrize(
    ("changes", "part"),
    [
        ({"listener": []}, "listener: "),
        ({"listener": None}, "listener: Field required"),
        ({"listener": [LISTENER, LISTENER]}, "two listeners are named two"),
        ({"listener": [{**LISTENER, "profile": 4}]}, "listener.0.profile: "),
        ({"listener": [{**LISTENER, "profile": 3}]}, "security profile 3 needs it"),
        ({"listener": [{**LISTENER, "client_ca": "x"}]}, "only security profile 3"),
        ({"issue": {"v2g": "nobody"}}, "issue.v2g: there is no [pki.nobody]"),
        ({"pki": {"a": {**PKI, "url": "http://pki.example"}}}, "pki.a.url: "),
        ({"pki": {"a": {**PKI, "preset": "opcp2"}}}, "pki.a.preset: "),
        ({"pki": {"a": PKI}}, "pki.a.username: a user name without a password"),
        ({"pki": {"a": {**PKI, "password_file": "nowhere"}}}, "nowhere can't be read"),
        ({"trust": {"v2g": ["nowhere.pem"]}}, "trust.v2g: "),
        ({"server": {"max_frame": 10}}, "server.max_frame: "),
    ],
)
def test_what_can_not_work_is_refused_with_its_key(tmp_path: Path, changes: dict[str, Any], part: str) -> None:
    assert part in complaint(tmp_path, **changes)


OPCP = {"url": "https://pki.example", "preset": "opcp", "ca": "cpo", "iso": "ISO15118-2", "algorithm": "secp256r1"}
OAUTH = {"url": "https://auth.example/oauth/token", "client_id": "us", "client_secret_file": "secret"}
PATHS = {"cacerts": "/ca/{iso}", "simpleenroll": "/enrol?v={iso}"}


def without(table: dict[str, Any], *keys: str) -> dict[str, Any]:
    return {key: value for key, value in table.items() if key not in keys}


@pytest.mark.parametrize(
    ("table", "sentence"),
    [
        (without(OPCP, "algorithm"), "pki.a.algorithm: the preset opcp needs it, for /{ca}/cacerts/{iso}/{algorithm}/"),
        (without(OPCP, "ca"), "pki.a.ca: the preset opcp needs it, for /{ca}/cacerts/{iso}/{algorithm}/"),
        ({**OPCP, "preset": "opcp-short"}, "pki.a.algorithm: the preset opcp-short has no place for it"),
        ({**OPCP, "label": "cpo"}, "pki.a.label: the preset opcp has no place for it"),
        ({**OPCP, "caDomain": "cpo"}, "pki.a: it is called ca here; the preset opnc sends it as caDomain"),
        ({**OPCP, "paths": PATHS}, "pki.a.preset: [pki.a.paths] has the paths already; take one of the two away"),
        ({"url": "https://pki.example", "paths": PATHS}, "pki.a.iso: [pki.a.paths] needs it, for /ca/{iso}"),
        (
            {"url": "https://pki.example", "paths": {**PATHS, "cacerts": "/{region}/ca"}},
            "pki.a.paths: /{region}/ca has a place {region}; there are label, ca, iso, algorithm",
        ),
        (
            {"url": "https://pki.example", "paths": {"cacerts": "/ca", "simpleenroll": "/{iso"}},
            "pki.a.paths: a brace without its partner in /{iso",
        ),
        ({**OPCP, "oauth": without(OAUTH, "client_secret_file")}, "pki.a.oauth.client_secret_file: needed, or the "),
        ({**OPCP, "oauth": {**OAUTH, "url": "http://auth.example"}}, "pki.a.oauth.url: "),
        ({**OPCP, "oauth": OAUTH, "token_file": "secret"}, "pki.a: it has a token and oauth, and one login is sent"),
        ({**OPCP, "token_file": "spaced"}, "pki.a.token_file: the token holds characters that no Bearer token has"),
        ({**OPCP, "client_key": "x"}, "pki.a.client_certificate: a client certificate and its key go together"),
        ({**OPCP, "client_certificate": "x"}, "pki.a.client_key: a client certificate and its key go together"),
        ({**OPCP, "password_file": "secret"}, "pki.a.password_file: a password without a user name"),
        ({**OPCP, "csr_profile": "emaid"}, "pki.a.csr_profile: "),
    ],
)
def test_a_pki_that_can_not_work_is_refused_with_its_key(tmp_path: Path, table: dict[str, Any], sentence: str) -> None:
    (tmp_path / "secret").write_text("abc\n")
    (tmp_path / "spaced").write_text("a b\n")
    assert complaint(tmp_path, pki={"a": table}).startswith(sentence)


@pytest.mark.parametrize(
    ("table", "told"),
    [
        ({**PKI, "token": "hush"}, "CHAINPILOT_PKI_<NAME>_TOKEN"),
        ({**PKI, "client_secret": "hush"}, "[pki.NAME.oauth]"),
        ({**PKI, "oauth": {**OAUTH, "client_secret": "hush"}}, "CHAINPILOT_PKI_<NAME>_CLIENT_SECRET"),
    ],
)
def test_a_secret_written_inline_is_refused_and_not_repeated(tmp_path: Path, table: dict[str, Any], told: str) -> None:
    said = complaint(tmp_path, pki={"a": table})
    assert told in said
    assert "hush" not in said


def test_tokens_and_secrets_come_from_files_or_the_environment_and_are_in_no_repr(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("from-file\n")
    pkis = {
        "in-file": {**OPCP, "token_file": "token"},
        "in-air": OPCP,
        "service": {**OPCP, "oauth": {**without(OAUTH, "client_secret_file"), "audience": "https://pki.example"}},
    }
    environ = {"CHAINPILOT_PKI_IN_AIR_TOKEN": "from-air", "CHAINPILOT_PKI_SERVICE_CLIENT_SECRET": "hush"}
    config = config_from(document(pki=pkis), tmp_path, environ)
    assert (config.pkis["in-file"].token, config.pkis["in-air"].token) == ("from-file", "from-air")
    oauth = config.pkis["service"].oauth
    assert oauth is not None
    assert (oauth.credentials.client_secret, oauth.credentials.audience) == ("hush", "https://pki.example")
    assert not any(secret in repr(config) for secret in ("from-file", "from-air", "hush"))


def test_paths_of_ones_own_are_filled_with_the_words(tmp_path: Path) -> None:
    table = {"url": "https://pki.example", "iso": "ISO15118-20", "paths": {**PATHS, "csrattrs": "/attrs"}}
    paths = config_from(document(pki={"a": table}), tmp_path, {}).pkis["a"].paths
    assert (paths.cacerts, paths.simpleenroll) == ("/ca/ISO15118-20", "/enrol?v=ISO15118-20")
    assert (paths.simplereenroll, paths.csrattrs) == ("", "/attrs")


PLAIN = {"name": "plain", "profile": 0, "allow_insecure": True}


@pytest.mark.parametrize(("profile", "risk"), [(0, "anybody can pose as a station"), (1, "can read the passwords")])
def test_a_listener_without_tls_is_refused_until_the_operator_says_that_it_is_insecure(
    tmp_path: Path, profile: int, risk: str
) -> None:
    said = complaint(tmp_path, listener=[{"name": "plain", "profile": profile}])
    assert said.startswith(f"listener.plain.profile: security profile {profile} is insecure: without TLS")
    assert risk in said
    assert "set allow_insecure = true on this listener" in said
    (listener,) = config_from(document(listener=[{**PLAIN, "profile": profile}]), tmp_path, {}).listeners
    assert (listener.profile, listener.certificates) == (SecurityProfile(profile), ())


@pytest.mark.parametrize(
    ("listener", "sentence"),
    [
        ({**PLAIN, "certificate": "a.pem"}, "listener.plain.certificate: security profile 0 has no TLS"),
        ({**PLAIN, "key": "a.key"}, "listener.plain.key: security profile 0 has no TLS"),
        ({**PLAIN, "static_rsa": False}, "listener.plain.static_rsa: security profile 0 has no TLS"),
        ({**PLAIN, "client_ca": "a.pem"}, "listener.plain.client_ca: only security profile 3"),
        ({**LISTENER, "allow_insecure": True}, "listener.two.allow_insecure: this listener has TLS"),
        ({"name": "two", "profile": 2}, "listener.two.certificate: 0 of certificate and 0 of key; one or two pairs"),
        ({**LISTENER, "certificate": ["a", "b"]}, "listener.two.certificate: 2 of certificate and 1 of key"),
        ({**LISTENER, "certificate": ["a", "b", "c"]}, "listener.0.certificate: List should have at most 2 items"),
    ],
)
def test_a_listener_whose_tls_is_not_as_its_profile_wants_it_is_refused(
    tmp_path: Path, listener: dict[str, Any], sentence: str
) -> None:
    assert complaint(tmp_path, listener=[listener]).startswith(sentence)


def test_a_listener_may_have_a_certificate_for_each_kind_of_key(tmp_path: Path) -> None:
    listener = {**LISTENER, "certificate": ["ecdsa.pem", "rsa.pem"], "key": ["ecdsa.key", "rsa.key"]}
    (read,) = config_from(document(listener=[listener]), tmp_path, {}).listeners
    assert read.certificates == tuple(
        ServerCertificate(tmp_path / f"{kind}.pem", tmp_path / f"{kind}.key") for kind in ("ecdsa", "rsa")
    )


def test_an_inline_password_is_refused_and_not_repeated(tmp_path: Path) -> None:
    said = complaint(tmp_path, pki={"a": {**PKI, "password": "s3cr3t"}})
    assert "password_file" in said
    assert "CHAINPILOT_PKI_<NAME>_PASSWORD" in said
    assert "s3cr3t" not in said


def test_a_password_from_the_environment_wins_and_is_in_no_repr(tmp_path: Path) -> None:
    (tmp_path / "password").write_text("from-file")
    given = document(pki={"my-pki": {**PKI, "password_file": "password"}})
    config = config_from(given, tmp_path, {"CHAINPILOT_PKI_MY_PKI_PASSWORD": "from-environment"})
    assert config.pkis["my-pki"].password == "from-environment"
    assert "from-environment" not in repr(config)


def test_an_empty_password_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "password").write_text("\n")
    assert "0 characters" in complaint(tmp_path, pki={"a": {**PKI, "password_file": "password"}})


def test_the_anchors_of_a_test_pki_need_their_switch(tmp_path: Path) -> None:
    root = forge("Test Root", ca=True, begin=BEGIN, test=True)
    (tmp_path / "root.pem").write_text(root.certificate.to_pem())
    assert "test PKI" in complaint(tmp_path, trust={"v2g": ["root.pem"]})
    admitted = config_from(document(trust={"v2g": ["root.pem"], "allow_test_pki": True}), tmp_path, {})
    assert len(admitted.anchors[TrustDomain.V2G]) == 1


def test_a_test_pki_behind_https_needs_the_switch_too(tmp_path: Path) -> None:
    root = forge("Test Web Root", ca=True, begin=BEGIN, test=True)
    (tmp_path / "web.pem").write_text(root.certificate.to_pem())
    (tmp_path / "password").write_text("secret")
    pki = {"a": {**PKI, "password_file": "password", "tls_ca": "web.pem"}}
    said = complaint(tmp_path, pki=pki)
    assert said.startswith("pki.a.tls_ca: ")
    assert "it belongs to a test PKI; only allow_test_pki admits it" in said
    admitted = config_from(document(pki=pki, trust={"allow_test_pki": True}), tmp_path, {})
    anchors = admitted.pkis["a"].tls_anchors
    assert anchors is not None
    assert anchors.anchors == (root.certificate,)


@pytest.mark.parametrize("text", [None, "", "nothing here"])
def test_a_tls_ca_without_a_ca_stops_the_start(tmp_path: Path, text: str | None) -> None:
    if text is not None:
        (tmp_path / "web.pem").write_text(text)
    (tmp_path / "password").write_text("secret")
    said = complaint(tmp_path, pki={"a": {**PKI, "password_file": "password", "tls_ca": "web.pem"}})
    assert said.startswith("pki.a.tls_ca: ")
    assert "web.pem" in said


def test_a_leaf_is_no_anchor(tmp_path: Path) -> None:
    (tmp_path / "leaf.pem").write_text(forge("leaf").certificate.to_pem())
    assert "not a CA certificate" in complaint(tmp_path, trust={"csms": ["leaf.pem"]})


def test_a_file_that_is_not_toml_says_where(tmp_path: Path) -> None:
    (tmp_path / "cpms.toml").write_text("[server\n")
    with pytest.raises(ConfigError, match="is not TOML"):
        load_config(tmp_path / "cpms.toml", {})


def test_trust_is_configured_beyond_the_anchors_files(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("token-1\n")
    (tmp_path / "secret").write_text("0123456789abcdef\n")
    config = config_from(
        document(
            trust={"approve_cross_signed": True},
            revocation={"policy": "require", "urls": ["http://h/x.crl"], "allow_networks": ["10.0.0.0/8"]},
            roots={"url": "https://pool.example", "types": ["MO", "MO"], "token_file": "token"},
            webhook={"secret_file": "secret"},
        ),
        tmp_path,
        {},
    )
    assert config.trust.approve_cross_signed
    assert config.revocation.policy is ListPolicy.REQUIRE
    assert config.revocation.allow_networks == (ip_network("10.0.0.0/8"),)
    assert config.roots is not None
    assert (config.roots.token, config.roots.types) == ("token-1", (TrustDomain.MO,))
    assert config.webhook is not None
    assert config.webhook.secret == "0123456789abcdef"
    assert "0123456789abcdef" not in repr(config)
    assert "token-1" not in repr(config)


def on_token(**changes: str | None) -> dict[str, Any]:
    """A CA whose key is on a token; None takes a key of it away."""
    key = "pkcs11:token=hsm;id=%01;object=ca%20key"
    whole = {"certificate": "ca.pem", "key": key, "pkcs11_module": "hsm.so", "pin_file": "pin", **changes}
    return {"ca": {"own": {name: value for name, value in whole.items() if value is not None}}}


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"webhook": {}}, "a secret of at least 16 characters"),
        ({"webhook": {"secret": "x"}}, "never written here"),
        ({"webhook": {"secret_file": "secret", "host": "0.0.0.0"}}, "behind a proxy"),
        ({"webhook": {"secret_file": "secret", "certificate": "x.pem"}}, "go together"),
        ({"roots": {"url": "http://pool.example"}}, "roots.url"),
        ({"roots": {"url": "https://pool.example", "token": "x"}}, "never written here"),
        ({"revocation": {"policy": "sometimes"}}, "revocation.policy"),
        ({"revocation": {"allow_networks": ["10.0.0.1/8"]}}, "revocation.allow"),
        ({"ca": {"own": {"certificate": "a", "key": "b"}}, "issue": {"v2g": "own"}}, "SECC leaves come from a V2G PKI"),
        ({"issue": {"csms": "own"}}, r"no \[ca.own\]"),
        ({"ca": {"x": {"certificate": "a", "key": "b"}}, "pki": {"x": {"url": "https://h"}}}, "tell them apart"),
        (on_token(key="pkcs11:token=hsm"), "ca.own.key: it names a token and no key on it"),
        (on_token(key="pkcs11:object=ca"), "ca.own.key: the URI names no token"),
        (on_token(key="pkcs11:token=hsm;object=ca;object=x"), "ca.own.key: .*stands twice"),
        (on_token(key="PKCS11:token=hsm;object=ca?pin-value=1234"), "ca.own.key: only token, id and object"),
        (on_token(key="pkcs11:token=hsm;object=ca;pin-value=1234"), "ca.own.key: only token, id and object"),
        (on_token(pkcs11_module=None), "ca.own.pkcs11_module: .*the vendor's library"),
        (on_token(key="own.key"), "ca.own.key: pkcs11_module and pin_file go with"),
        (on_token(pin="1234"), "a PIN is never written here"),
    ],
)
def test_what_can_not_be_meant_about_trust_is_refused(tmp_path: Path, changes: dict[str, Any], why: str) -> None:
    (tmp_path / "secret").write_text("0123456789abcdef\n")
    said = complaint(tmp_path, **changes)
    assert re.search(why, said)
    assert "1234" not in said


def test_a_ca_s_key_may_be_on_a_token(tmp_path: Path) -> None:
    config = config_from(document(**on_token(), issue={"csms": "own"}), tmp_path, {})
    settings = TokenSettings(tmp_path / "hsm.so", "hsm", tmp_path / "pin")
    assert config.cas["own"].key == KeyOnToken(settings, KeyReference("hsm", b"\x01", "ca key"))

"""A store's settings as TOML: every setting of StoreConfig, and a sentence for every mistake."""

import tomllib
from contextlib import suppress
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chainpilot.pki.keys import KeySpec
from chainpilot.station.config_file import MAX_CONFIG_CHARACTERS, HardwareSettings, read_store_file
from chainpilot.station.layout import CrlPolicy, Layout, Parity, ProfilePolicy, StoreConfig, StoreConfigError

CERTS = Path("/etc/everest/certs")

EVERYTHING = """
certs_dir = "certs"
csms_ca_bundle = "a/csms.pem"
mf_ca_bundle = "a/mf.pem"
mo_ca_bundle = "a/mo.pem"
v2g_ca_bundle = "a/v2g"
csms_leaf_cert_directory = "l/csms"
csms_leaf_key_directory = "k/csms"
secc_leaf_cert_directory = "l/secc"
secc_leaf_key_directory = "k/secc"
private_key_password = "pass-word"
encrypt_generated_keys = false
allow_test_pki = true
additional_root_certificate_check = true
csms_profile = "off"
v2g_profile = "warn"
mo_profile = "enforce"
mf_profile = "off"
csms_key = "P-384"
secc_key = "Ed448"
secc_common_name = "DE*CHP*E1"
default_ocsp_url = "http://ocsp.example"
crl_directory = "crls"
crl_policy = "if-present"
state_directory = ".state"
csr_lifetime_seconds = 60
garbage_collect_seconds = 61
kept_leaves = 3
expiring_days = 36500
key_mode = 0o640
certificate_mode = 0o664
group = 12
lock_timeout_seconds = 2
max_certificates = 5
max_bytes = 6
max_file_bytes = 7

[keys_by_name]
"DE*CHP*E1*1" = "P-521"

[parity]
times = true
accept_any_ca = true
profile = true
newest_by_not_after = true
path_errors_unknown = true
"""


def refusal(text: str) -> tuple[str, str]:
    """The setting that is blamed, and why."""
    with pytest.raises(StoreConfigError) as caught:
        read_store_file(text)
    return caught.value.key, caught.value.why


def test_every_setting_of_the_store_can_be_written() -> None:
    given_names = {one.name for one in fields(StoreConfig)} - {"hardware_keys"}
    assert set(tomllib.loads(EVERYTHING)) == given_names
    file = read_store_file(EVERYTHING)
    config = file.config(CERTS)
    assert file.certs_dir == Path("certs")
    assert config == StoreConfig(
        CERTS,
        csms_ca_bundle="a/csms.pem",
        mf_ca_bundle="a/mf.pem",
        mo_ca_bundle="a/mo.pem",
        v2g_ca_bundle="a/v2g",
        csms_leaf_cert_directory="l/csms",
        csms_leaf_key_directory="k/csms",
        secc_leaf_cert_directory="l/secc",
        secc_leaf_key_directory="k/secc",
        private_key_password="pass-word",
        encrypt_generated_keys=False,
        allow_test_pki=True,
        additional_root_certificate_check=True,
        csms_profile=ProfilePolicy.OFF,
        v2g_profile=ProfilePolicy.WARN,
        mo_profile=ProfilePolicy.ENFORCE,
        mf_profile=ProfilePolicy.OFF,
        csms_key=KeySpec.P384,
        secc_key=KeySpec.ED448,
        keys_by_name={"DE*CHP*E1*1": KeySpec.P521},
        secc_common_name="DE*CHP*E1",
        default_ocsp_url="http://ocsp.example",
        crl_directory="crls",
        crl_policy=CrlPolicy.IF_PRESENT,
        state_directory=".state",
        csr_lifetime_seconds=60,
        garbage_collect_seconds=61,
        kept_leaves=3,
        expiring_days=36500,
        key_mode=0o640,
        certificate_mode=0o664,
        group=12,
        lock_timeout_seconds=2.0,
        max_certificates=5,
        max_bytes=6,
        max_file_bytes=7,
        parity=Parity(*[True] * 5),
    )
    assert Layout.of(replace(config, parity=Parity())).root == CERTS


def test_an_empty_file_is_the_defaults() -> None:
    file = read_store_file("")
    assert file.config(CERTS) == StoreConfig(CERTS)
    assert file.hardware is None
    assert file.certs_dir is None


def test_what_the_command_line_says_wins_over_the_file() -> None:
    file = read_store_file('private_key_password = "one"\nkept_leaves = 3')
    assert file.config(CERTS, private_key_password="two") == StoreConfig(
        CERTS, private_key_password="two", kept_leaves=3
    )


@pytest.mark.parametrize(
    ("text", "key", "nearest"),
    [
        ('v2g_bundle = "x"', "v2g_bundle", "v2g_ca_bundle"),
        ("allow_test = true", "allow_test", "allow_test_pki"),
        ("hardware_keys = []", "hardware_keys", "hardware"),
        ("[parity]\ntime = true", "parity.time", "times"),
        ('[hardware]\nmodule = "m"\ntoken = "t"', "hardware.token", "token_label"),
        ("[pariti]", "pariti", "parity"),
    ],
)
def test_an_unknown_name_is_refused_with_the_nearest_known_one(text: str, key: str, nearest: str) -> None:
    assert refusal(text) == (key, f"there is no such setting; the nearest is {nearest}")


@pytest.mark.parametrize(
    ("text", "key", "why"),
    [
        ("v2g_ca_bundle = 1", "v2g_ca_bundle", "is a text, in quotation marks"),
        ("certs_dir = 1", "certs_dir", "is a text, in quotation marks"),
        ('allow_test_pki = "yes"', "allow_test_pki", "is true or false, without quotation marks"),
        ("allow_test_pki = 1", "allow_test_pki", "is true or false, without quotation marks"),
        ("kept_leaves = true", "kept_leaves", "is a whole number"),
        ("kept_leaves = 1.5", "kept_leaves", "is a whole number"),
        ('group = "everest"', "group", "is a whole number"),
        ('lock_timeout_seconds = "1"', "lock_timeout_seconds", "is a number"),
        ("lock_timeout_seconds = true", "lock_timeout_seconds", "is a number"),
        ("lock_timeout_seconds = nan", "lock_timeout_seconds", "is a number"),
        ('v2g_profile = "Enforce"', "v2g_profile", "is one of off, warn, enforce"),
        ("v2g_profile = []", "v2g_profile", "is one of off, warn, enforce"),
        ('crl_policy = "no"', "crl_policy", "is one of require, if-present"),
        (
            'secc_key = "P-192"',
            "secc_key",
            "is one of P-256, P-384, P-521, Ed25519, Ed448, RSA-2048, RSA-3072, RSA-4096",
        ),
        ("parity = true", "parity", "is a table: [parity] on a line of its own, its settings below"),
        ("[parity]\ntimes = 1", "parity.times", "is true or false, without quotation marks"),
        ("hardware = 1", "hardware", "is a table: [hardware] on a line of its own, its settings below"),
        ("[hardware]\nmodule = 1", "hardware.module", "is a text, in quotation marks"),
        ('[hardware]\nmodule = ""', "hardware.module", "the path is empty"),
        (
            '[hardware]\nmodule = "m"',
            "hardware.token_label",
            "a token needs it: the library's path, and the token's label",
        ),
        (
            '[hardware]\ntoken_label = "t"',
            "hardware.module",
            "a token needs it: the library's path, and the token's label",
        ),
        (
            '[hardware]\nmodule = "m"\ntoken_label = "t"\nwait_seconds = 0',
            "hardware.wait_seconds",
            "must be more than zero",
        ),
    ],
)
def test_a_value_of_another_kind_is_refused_in_a_sentence(text: str, key: str, why: str) -> None:
    assert refusal(text) == (key, why)


def test_kinds_of_keys_by_name_are_a_table_of_kinds() -> None:
    assert refusal('keys_by_name = "P-256"')[0] == "keys_by_name"
    assert refusal('[keys_by_name]\n"DE*1" = "P-1"')[0] == "keys_by_name.DE*1"


@pytest.mark.parametrize(
    ("setting", "below", "above", "why"),
    [
        ("expiring_days", "36500", "36501", "is at most 36500"),
        ("max_bytes", str(1 << 40), str((1 << 40) + 1), f"is at most {1 << 40}"),
        ("lock_timeout_seconds", f"{1 << 40}.0", "inf", f"is at most {1 << 40}"),
        ("max_bytes", str(-(1 << 40)), str(-(1 << 40) - 1), f"is at most {1 << 40}"),
        ("lock_timeout_seconds", "1", "1" + "0" * 400, f"is at most {1 << 40}"),
        ("key_mode", "0o777", "0o1000", "is a file mode, written as 0o600"),
        ("key_mode", "0", "-1", "is a file mode, written as 0o600"),
        ("certificate_mode", "0o644", "644", "is a file mode, written as 0o600"),
    ],
)
def test_numbers_have_bounds(setting: str, below: str, above: str, why: str) -> None:
    assert setting in read_store_file(f"{setting} = {below}").settings
    assert refusal(f"{setting} = {above}") == (setting, why)


def test_a_text_at_the_bound_is_read_and_one_above_is_not() -> None:
    line = 'secc_common_name = "x"\n#'
    at = line + "x" * (MAX_CONFIG_CHARACTERS - len(line))
    assert read_store_file(at).settings == {"secc_common_name": "x"}
    assert read_store_file(at[:-1]).settings == {"secc_common_name": "x"}
    assert refusal(at + "x")[1] == f"{MAX_CONFIG_CHARACTERS + 1} characters; at most {MAX_CONFIG_CHARACTERS} are read"


@pytest.mark.parametrize("text", ["a =", "= 1", "a = " + "[" * 5000, "a = " + "1" * 5000, "a = 1\na = 2"])
def test_what_is_no_toml_is_told_so(text: str) -> None:
    key, why = refusal(text)
    assert key == "the configuration"
    assert why.startswith("not TOML: ")


def test_hardware_is_read_with_its_defaults() -> None:
    file = read_store_file('[hardware]\nmodule = "/lib/p11.so"\ntoken_label = "station"\npin_file = "pin"')
    assert file.hardware == HardwareSettings(Path("/lib/p11.so"), "station", Path("pin"), "chainpilot-", 30.0)
    whole = read_store_file(
        '[hardware]\nmodule = "m"\ntoken_label = "t"\nlabel_prefix = "b-"\nwait_seconds = 1'
    ).hardware
    assert whole == HardwareSettings(Path("m"), "t", None, "b-", 1.0)


def test_the_password_shows_in_no_repr() -> None:
    file = read_store_file('private_key_password = "kept-secret"')
    assert file.has_secret
    assert "kept-secret" not in repr(file) + repr(file.config(CERTS))
    assert not read_store_file('private_key_password = ""').has_secret


_VALUES: Any = st.one_of(st.text(), st.booleans(), st.integers(), st.floats(), st.lists(st.integers(), max_size=3))


@given(
    name=st.sampled_from([one.name for one in fields(StoreConfig)] + ["parity.times", "hardware.module"]), value=_VALUES
)
def test_no_value_escapes_the_error_family(name: str, value: Any) -> None:
    written = str(value).lower() if isinstance(value, bool | float) else str(value)
    text = f"{name} = '''{value}'''" if isinstance(value, str) else f"{name} = {written}"
    with suppress(StoreConfigError):
        read_store_file(text)


@given(st.text())
def test_no_text_escapes_the_error_family(text: str) -> None:
    with suppress(StoreConfigError):
        read_store_file(text)

"""Where things lie in a station's certificates directory: EVerest's names and defaults (seed 002, station-store.md).

Paths are computed here and never touched. What the files hold is the store's matter.
"""

from collections.abc import Mapping
from dataclasses import KW_ONLY, dataclass, field
from enum import Enum
from pathlib import Path
from types import MappingProxyType
from typing import Final

from chainpilot.errors import OwnError
from chainpilot.pki.identity import is_evseid, normal_evseid
from chainpilot.pki.keys import KeySpec
from chainpilot.station.model import CaCertificateType, LeafCertificateType
from chainpilot.station.providers import FileKeys, KeyMakingError, KeyProvider

__all__ = [
    "CERTIFICATE_SUFFIXES",
    "KEY_SUFFIXES",
    "LEAF_TYPES",
    "CrlPolicy",
    "Layout",
    "LeafDirectories",
    "LeafFiles",
    "Parity",
    "ProfilePolicy",
    "StoreConfig",
    "StoreConfigError",
]

CERTIFICATE_SUFFIXES: Final = (".pem", ".crt", ".cer", ".der")
"""Files read as certificates (station-store.md row 20)."""
KEY_SUFFIXES: Final = (".key", ".tkey")
"""Files read as private keys, in the order in which a certificate's own stem is tried."""
LEAF_TYPES: Final = (LeafCertificateType.CSMS, LeafCertificateType.V2G)
"""The leaves a store keeps; leaves of MO and MF belong to cars and manufacturers."""

_PREFIX: Final = {LeafCertificateType.CSMS: "CSMS", LeafCertificateType.V2G: "SECC"}


class StoreConfigError(OwnError):
    """A store can't be configured like this; `key` is the setting, `why` the objection."""

    def __init__(self, key: str, why: str) -> None:
        super().__init__(f"{key}: {why}")
        self.key = key
        self.why = why


class ProfilePolicy(Enum):
    """What a leaf that doesn't fit its domain's profile leads to (station-store.md row 9)."""

    OFF = "off"
    """Nobody looks."""
    WARN = "warn"
    """It is taken, and told of in the log."""
    ENFORCE = "enforce"
    """It is refused."""


class CrlPolicy(Enum):
    """What a missing or outdated revocation list leads to, where a directory of lists is configured."""

    REQUIRE = "require"
    """Every certificate below an anchor needs its issuer's current list."""
    IF_PRESENT = "if-present"
    """Only the lists that are there and current count."""


@dataclass(frozen=True, slots=True)
class Parity:
    """Switches that give the reference's own answers (station-store.md section 6); all off is right."""

    times: bool = False
    """Only the leaf's end counts, no other time of the path (row 6)."""
    accept_any_ca: bool = False
    """Any certificate is taken as a CA, leaves and orphans too, and what stands in a bundle is an anchor (row 8)."""
    profile: bool = False
    """No profile is looked at (row 9)."""
    newest_by_not_after: bool = False
    """The leaf in use is the one that ends last (row 16)."""
    path_errors_unknown: bool = False
    """CA:false, path length, unknown critical extensions, name constraints: Unknown (x509.md duty 6)."""


@dataclass(frozen=True, slots=True)
class StoreConfig:
    """What an operator sets: EVerest's nine keys under their own names, and ours.

    Relative paths are below `certs_dir` (EVerest: `<prefix>/etc/everest/certs`), absolute ones win.
    """

    certs_dir: Path
    _: KW_ONLY
    csms_ca_bundle: str = "ca/csms/CSMS_ROOT_CA.pem"
    mf_ca_bundle: str = "ca/mf/MF_ROOT_CA.pem"
    mo_ca_bundle: str = "ca/mo/MO_ROOT_CA.pem"
    v2g_ca_bundle: str = "ca/v2g/V2G_ROOT_CA.pem"
    csms_leaf_cert_directory: str = "client/csms"
    csms_leaf_key_directory: str = "client/csms"
    secc_leaf_cert_directory: str = "client/cso"
    secc_leaf_key_directory: str = "client/cso"
    private_key_password: str = field(default="", repr=False)
    """Empty: keys are not encrypted."""
    encrypt_generated_keys: bool = True
    """Whether the password, when set, also encrypts keys made here (the reference does; seed 002 says it doesn't)."""
    allow_test_pki: bool = False
    """Whether certificates that carry the private TEST extension count; never in production."""
    additional_root_certificate_check: bool = False
    """Whether a further CSMS root must be signed by the one it replaces, which is its fall-back (OCPP M05.FR.10)."""
    csms_profile: ProfilePolicy = ProfilePolicy.ENFORCE
    v2g_profile: ProfilePolicy = ProfilePolicy.ENFORCE
    mo_profile: ProfilePolicy = ProfilePolicy.WARN
    """Of contract leaves handed to verify_certificate."""
    mf_profile: ProfilePolicy = ProfilePolicy.WARN
    """Of firmware signers handed to verify_certificate."""
    csms_key: KeySpec = KeySpec.P256
    secc_key: KeySpec = KeySpec.P256
    """Kinds of the keys that signing requests are made for; P-521 and Ed448 make ISO 15118-20 leaves."""
    keys_by_name: Mapping[str, KeySpec] = field(default_factory=dict)
    """The kind of key for a common name, where it differs from the domain's."""
    secc_common_name: str = ""
    """Where a store keeps the leaves of several EVSEs: the one that the commands without a name answer for."""
    hardware_keys: tuple[KeyProvider, ...] = ()
    """The first makes the keys of requests that ask for `use_tpm`; none: such requests answer KeyGenError."""
    default_ocsp_url: str = ""
    """Responder of certificates that name none; empty: they are left out of OCSP requests and told of."""
    crl_directory: str = ""
    """Directory of revocation lists (PEM or DER, `.crl` or `.pem`); empty: none are asked."""
    crl_policy: CrlPolicy = CrlPolicy.REQUIRE
    state_directory: str = ".chainpilot"
    """Our own state: lock, journal, pending CSRs. Never inside a bundle or leaf directory."""
    csr_lifetime_seconds: int = 3600
    """After it, a request that no CSMS has gives way to a new one, and one that gave way may lose its key."""
    garbage_collect_seconds: int = 1200
    """How often whoever runs the store is to call `run_housekeeping`."""
    kept_leaves: int = 10
    """Newest leaves of a domain that housekeeping never removes, expired or not."""
    expiring_days: int = 30
    """Days before its end from which housekeeping tells of a leaf (OCPP A02.FR.02: one month)."""
    key_mode: int = 0o600
    certificate_mode: int = 0o644
    group: int | None = None
    """Group id of what is written, for sibling processes that run under another user; None leaves it."""
    lock_timeout_seconds: float = 10.0
    max_certificates: int = 2000
    max_bytes: int = 50 * 1024 * 1024
    max_file_bytes: int = 4 * 1024 * 1024
    """Read of one file at most; a bundle of 1000 P-256 roots is about 0.9 MB."""
    parity: Parity = Parity()

    def profile_policy(self, kind: LeafCertificateType) -> ProfilePolicy:
        """The policy for leaves of a domain."""
        policy: ProfilePolicy = getattr(self, f"{kind.value.lower()}_profile")
        return ProfilePolicy.OFF if self.parity.profile else policy


@dataclass(frozen=True, slots=True)
class LeafDirectories:
    """Where the leaves of one domain and their keys lie; often the same place."""

    certificates: Path
    keys: Path


@dataclass(frozen=True, slots=True)
class LeafFiles:
    """The three files of one leaf, named as the reference names them."""

    key: Path
    single: Path
    chain: Path


@dataclass(frozen=True, slots=True)
class Layout:
    """The validated form of a StoreConfig: its paths, all absolute; limits and switches stay in `config`."""

    config: StoreConfig
    root: Path
    state: Path
    bundles: Mapping[CaCertificateType, Path]
    leaves: Mapping[LeafCertificateType, LeafDirectories]
    keys: tuple[KeyProvider, ...]
    """Who opens and makes private keys: files first, then what is configured as hardware."""
    crls: Path | None

    @classmethod
    def of(cls, config: StoreConfig) -> "Layout":
        """Resolve the configured paths.

        Raises:
            StoreConfigError: the certificates directory isn't absolute, a path is empty, a mode lets others read
                keys, a limit isn't positive, two uses share a directory of leaves, leaves lie in a bundle, the state
                directory lies inside a directory that others list, or the CSMS roots can't be checked as asked.
        """
        _check_kinds(config)
        _check_numbers(config)
        root = config.certs_dir
        if not root.is_absolute():
            raise StoreConfigError("certs_dir", f"{root} is not an absolute path")
        layout = cls(
            config=config,
            root=root,
            state=_below(root, config, "state_directory"),
            bundles=MappingProxyType(
                {kind: _below(root, config, f"{kind.value.lower()}_ca_bundle") for kind in CaCertificateType}
            ),
            leaves=MappingProxyType(
                {
                    kind: LeafDirectories(
                        _below(root, config, f"{_PREFIX[kind].lower()}_leaf_cert_directory"),
                        _below(root, config, f"{_PREFIX[kind].lower()}_leaf_key_directory"),
                    )
                    for kind in LEAF_TYPES
                }
            ),
            keys=(
                FileKeys(config.private_key_password, encrypt=config.encrypt_generated_keys),
                *config.hardware_keys,
            ),
            crls=_below(root, config, "crl_directory") if config.crl_directory else None,
        )
        _check_places(layout)
        _check_csms_roots(layout)
        for listed in (*layout.bundles.values(), *layout.leaf_directories):
            if layout.state == listed or listed in layout.state.parents:
                raise StoreConfigError("state_directory", f"{layout.state} lies inside {listed}")
        return layout

    @property
    def leaf_directories(self) -> tuple[Path, ...]:
        """Every directory that holds leaves or their keys, each once."""
        both = (path for pair in self.leaves.values() for path in (pair.certificates, pair.keys))
        return tuple(dict.fromkeys(both))

    @property
    def written_directories(self) -> tuple[Path, ...]:
        """Every directory that a change may write a file into, each once."""
        bundles = (place for path in self.bundles.values() for place in (path, path.parent))
        verify = (self.verify_directory(kind) for kind in CaCertificateType)
        own = (self.state, self.pending, self.verify_file(CaCertificateType.V2G).parent, *verify)
        public = tuple(dict.fromkeys((*self.leaf_directories, *bundles)))
        return tuple(dict.fromkeys((*public, *(path / "ocsp" for path in public), *own)))

    def key_maker(self, *, hardware: bool) -> KeyProvider:
        """Who makes a new key: files, or the first of the hardware (`use_tpm` of the interface).

        Raises:
            KeyMakingError: hardware is asked for and none is configured.
        """
        files, *others = self.keys
        if hardware and not others:
            raise KeyMakingError("a key in hardware is asked for, and no hardware provider is configured")
        return others[0] if hardware else files

    def key_spec(self, kind: LeafCertificateType, common_name: str) -> KeySpec:
        """The kind of key for a new request; the spellings of one EVSEID are one name."""
        by_domain = self.config.secc_key if kind is LeafCertificateType.V2G else self.config.csms_key
        named = {_folded(name): spec for name, spec in self.config.keys_by_name.items()}
        return named.get(_folded(common_name), by_domain)

    def domains_of(self, bundle: Path) -> tuple[CaCertificateType, ...]:
        """The domains whose bundle this is: several may share one."""
        return tuple(kind for kind, path in self.bundles.items() if path == bundle)

    @property
    def csms_succession(self) -> Path:
        """The CSMS roots that took over from each other, the oldest first."""
        return self.state / "csms_roots.pem"

    @property
    def pending(self) -> Path:
        """Records of open CSRs."""
        return self.state / "pending"

    def leaf_files(self, kind: LeafCertificateType, unique: str, suffix: str = ".key") -> LeafFiles:
        """The files of a new leaf; `unique` is a word of letters, digits and dashes, `suffix` its key provider's."""
        prefix, places = _PREFIX[kind], self.leaves[kind]
        return LeafFiles(
            key=places.keys / f"{prefix}_LEAF_{unique}{suffix}",
            single=places.certificates / f"{prefix}_LEAF_{unique}.pem",
            chain=places.certificates / f"CPO_CERT_{prefix}_LEAF_CHAIN_{unique}.pem",
        )

    def root_file(self, kind: CaCertificateType, unique: str) -> Path:
        """The file of a new CA in a bundle that is a directory."""
        return self.bundles[kind] / f"{kind.value}_ROOT_{unique}.pem"

    def pending_file(self, unique: str) -> Path:
        """The record of an open CSR."""
        return self.pending / f"{unique}.json"

    def verify_file(self, kind: CaCertificateType) -> Path:
        """The one-file copy of a bundle that is a directory."""
        return self.state / "verify" / f"{kind.value}.pem"

    def verify_directory(self, kind: CaCertificateType) -> Path:
        """The copy of a bundle's anchors by their hashes, where its own directory won't do."""
        return self.state / "verify" / kind.value

    @property
    def ocsp_directories(self) -> tuple[Path, ...]:
        """Where OCSP answers lie: `ocsp` beside the certificates, for leaves and for bundles.

        A bundle whose name has a suffix may be a directory all the same, and then they lie inside.
        """
        named = self.bundles.values()
        bundles = (place for path in named for place in ((path.parent, path) if path.suffix else (path,)))
        places = (*(pair.certificates for pair in self.leaves.values()), *bundles)
        return tuple(dict.fromkeys(path / "ocsp" for path in places))

    @staticmethod
    def is_directory_name(bundle: Path) -> bool:
        """Whether a bundle that isn't there yet is to be a directory: its name has no suffix."""
        return not bundle.suffix


def _folded(name: str) -> str:
    return normal_evseid(name) if is_evseid(name) else name


def _below(root: Path, config: StoreConfig, key: str) -> Path:
    value: str = getattr(config, key)
    if not value:
        raise StoreConfigError(key, "the path is empty")
    if "\0" in value or ".." in Path(value).parts:
        raise StoreConfigError(key, "a path may not step upwards")
    return root / value


_KINDS: Final[Mapping[type, tuple[str, ...]]] = {
    Path: ("certs_dir",),
    bool: ("encrypt_generated_keys", "allow_test_pki", "additional_root_certificate_check"),
    ProfilePolicy: ("csms_profile", "v2g_profile", "mo_profile", "mf_profile"),
    KeySpec: ("csms_key", "secc_key"),
    CrlPolicy: ("crl_policy",),
    Parity: ("parity",),
}
"""Settings whose value must be of exactly that kind: a word in its place would silently be none of its members."""


def _check_kinds(config: StoreConfig) -> None:
    for kind, keys in _KINDS.items():
        for key in keys:
            if not isinstance(getattr(config, key), kind):
                raise StoreConfigError(key, f"{getattr(config, key)!r:.60} is no {kind.__name__}")
    given: Mapping[str, object] = config.keys_by_name
    for name, value in given.items():
        if not isinstance(value, KeySpec):
            raise StoreConfigError("keys_by_name", f"{value!r:.60} for {name!r:.60} is no KeySpec")
    if not isinstance(config.group, int | None):
        raise StoreConfigError("group", f"{config.group!r:.60} is no group id")


def _check_places(layout: Layout) -> None:
    """Certificates of one use lie apart from all others: a file doesn't tell what it is for."""
    secc, csms = (layout.leaves[kind].certificates for kind in (LeafCertificateType.V2G, LeafCertificateType.CSMS))
    if secc == csms:
        raise StoreConfigError("secc_leaf_cert_directory", f"{secc} is the directory of the CSMS leaves too")
    for kind, places in layout.leaves.items():
        if places.certificates in layout.bundles.values():
            key = f"{_PREFIX[kind].lower()}_leaf_cert_directory"
            raise StoreConfigError(key, f"{places.certificates} is a bundle of CA certificates too")


def _check_csms_roots(layout: Layout) -> None:
    """One root and its fall-back aren't to be told in a bundle that others fill, or where everything is an anchor."""
    if layout.config.additional_root_certificate_check:
        key, bundle = "additional_root_certificate_check", layout.bundles[CaCertificateType.CSMS]
        if len(layout.domains_of(bundle)) > 1:
            raise StoreConfigError(key, f"{bundle} is another domain's bundle too; give the CSMS its own")
        if layout.config.parity.accept_any_ca:
            raise StoreConfigError(key, "contradicts parity.accept_any_ca, with which any CA is taken")


_POSITIVE: Final = (
    "csr_lifetime_seconds",
    "garbage_collect_seconds",
    "kept_leaves",
    "expiring_days",
    "lock_timeout_seconds",
    "max_certificates",
    "max_bytes",
    "max_file_bytes",
)


def _check_numbers(config: StoreConfig) -> None:
    for key in _POSITIVE:
        if getattr(config, key) <= 0:
            raise StoreConfigError(key, "must be more than zero")
    if config.key_mode & ~0o660 or not config.key_mode & 0o400:
        raise StoreConfigError(
            "key_mode", f"{config.key_mode:04o}; a private key is for its owner, at most for a group"
        )
    if config.certificate_mode & ~0o664 or not config.certificate_mode & 0o400:
        raise StoreConfigError("certificate_mode", f"{config.certificate_mode:04o} is not a mode for public files")

"""Where things lie in a station's certificates directory: EVerest's names and defaults (seed 002, station-store.md).

Paths are computed here and never touched. What the files hold is the store's matter.
"""

from collections.abc import Mapping
from dataclasses import KW_ONLY, dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Final

from chainpilot.errors import OwnError
from chainpilot.station.model import CaCertificateType, LeafCertificateType

__all__ = [
    "CERTIFICATE_SUFFIXES",
    "KEY_SUFFIXES",
    "LEAF_TYPES",
    "Layout",
    "LeafDirectories",
    "LeafFiles",
    "StoreConfig",
    "StoreConfigError",
]

CERTIFICATE_SUFFIXES: Final = frozenset({".pem", ".crt", ".cer", ".der"})
"""Files read as certificates (station-store.md row 20)."""
KEY_SUFFIXES: Final = frozenset({".key"})
"""Files read as private keys; `.tkey` needs a TPM provider, which is not built in."""
LEAF_TYPES: Final = (LeafCertificateType.CSMS, LeafCertificateType.V2G)
"""The leaves a store keeps; leaves of MO and MF belong to cars and manufacturers."""

_PREFIX: Final = {LeafCertificateType.CSMS: "CSMS", LeafCertificateType.V2G: "SECC"}


class StoreConfigError(OwnError):
    """A store can't be configured like this; `key` is the setting, `why` the objection."""

    def __init__(self, key: str, why: str) -> None:
        super().__init__(f"{key}: {why}")
        self.key = key
        self.why = why


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
    """Whether roots that carry the private TEST extension may be anchors; never in production."""
    enforce_profiles: tuple[LeafCertificateType, ...] = LEAF_TYPES
    """Domains whose leaves must fit their certificate profile (station-store.md row 9)."""
    state_directory: str = ".chainpilot"
    """Our own state: lock, journal, pending CSRs. Never inside a bundle or leaf directory."""
    csr_lifetime_seconds: int = 3600
    """After it, a request that no CSMS has gives way to a new one, and one that gave way may lose its key."""
    key_mode: int = 0o600
    certificate_mode: int = 0o644
    group: int | None = None
    """Group id of what is written, for sibling processes that run under another user; None leaves it."""
    lock_timeout_seconds: float = 10.0
    max_certificates: int = 2000
    max_bytes: int = 50 * 1024 * 1024
    max_file_bytes: int = 4 * 1024 * 1024
    """Read of one file at most; a bundle of 1000 P-256 roots is about 0.9 MB."""


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

    @classmethod
    def of(cls, config: StoreConfig) -> "Layout":
        """Resolve the configured paths.

        Raises:
            StoreConfigError: the certificates directory isn't absolute, a path is empty, a mode lets others read
                keys, a limit isn't positive, or the state directory lies inside a directory that others list.
        """
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
        )
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
        own = (self.state, self.pending, self.verify_file(CaCertificateType.V2G).parent)
        return tuple(dict.fromkeys((*self.leaf_directories, *bundles, *own)))

    @property
    def pending(self) -> Path:
        """Records of open CSRs."""
        return self.state / "pending"

    def leaf_files(self, kind: LeafCertificateType, unique: str) -> LeafFiles:
        """The files of a new leaf; `unique` is a word of letters, digits and dashes."""
        prefix, places = _PREFIX[kind], self.leaves[kind]
        return LeafFiles(
            key=places.keys / f"{prefix}_LEAF_{unique}.key",
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


def _below(root: Path, config: StoreConfig, key: str) -> Path:
    value: str = getattr(config, key)
    if not value:
        raise StoreConfigError(key, "the path is empty")
    if "\0" in value or ".." in Path(value).parts:
        raise StoreConfigError(key, "a path may not step upwards")
    return root / value


def _check_numbers(config: StoreConfig) -> None:
    for key in ("csr_lifetime_seconds", "lock_timeout_seconds", "max_certificates", "max_bytes", "max_file_bytes"):
        if getattr(config, key) <= 0:
            raise StoreConfigError(key, "must be more than zero")
    if config.key_mode & ~0o660 or not config.key_mode & 0o400:
        raise StoreConfigError(
            "key_mode", f"{config.key_mode:04o}; a private key is for its owner, at most for a group"
        )
    if config.certificate_mode & ~0o664 or not config.certificate_mode & 0o400:
        raise StoreConfigError("certificate_mode", f"{config.certificate_mode:04o} is not a mode for public files")

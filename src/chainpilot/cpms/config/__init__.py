"""The back office's configuration: what an operator writes (TOML), and the validated form the parts are built from."""

from chainpilot.cpms.config.loader import config_from, load_config
from chainpilot.cpms.config.settings import (
    ConfigError,
    CpmsConfig,
    DatabaseConfig,
    ListenerConfig,
    OcspConfig,
    PkiConfig,
    ServerCertificate,
    ServerConfig,
)

__all__ = [
    "ConfigError",
    "CpmsConfig",
    "DatabaseConfig",
    "ListenerConfig",
    "OcspConfig",
    "PkiConfig",
    "ServerCertificate",
    "ServerConfig",
    "config_from",
    "load_config",
]

"""The back office's configuration: what an operator writes (TOML), and the validated form the parts are built from."""

from chainpilot.cpms.config.loader import config_from, load_config
from chainpilot.cpms.config.settings import (
    ClientCertificate,
    ConfigError,
    CpmsConfig,
    DatabaseConfig,
    KeyOnToken,
    ListenerConfig,
    LocalCaConfig,
    OAuthConfig,
    OcspConfig,
    PkiConfig,
    RevocationConfig,
    RootPoolConfig,
    ServerCertificate,
    ServerConfig,
    WebhookConfig,
)

__all__ = [
    "ClientCertificate",
    "ConfigError",
    "CpmsConfig",
    "DatabaseConfig",
    "KeyOnToken",
    "ListenerConfig",
    "LocalCaConfig",
    "OAuthConfig",
    "OcspConfig",
    "PkiConfig",
    "RevocationConfig",
    "RootPoolConfig",
    "ServerCertificate",
    "ServerConfig",
    "WebhookConfig",
    "config_from",
    "load_config",
]

"""What of a call may be written down: settings known to be harmless, URLs without users and queries, nothing else.

Not handled here: a new password, which is never part of a demand.
"""

from typing import Final
from urllib.parse import urlsplit

import msgspec

from chainpilot.cpms.model.demands import (
    ChangeConfiguration,
    Demand,
    GetLog,
    SetNetworkProfile,
    SetVariables,
    SignedUpdateFirmware,
    VariableName,
)
from chainpilot.wire import ocpp201

__all__ = ["WITHHELD", "file_name", "is_harmless_key", "is_harmless_variable", "without_secrets"]

WITHHELD: Final = "(withheld)"
"""Stands in records for what is not written down."""

_KEYS: Final = frozenset(
    """
    AllowOfflineTxForUnknownId AuthorizationCacheEnabled AuthorizeRemoteTxRequests BlinkRepeat
    ChargeProfileMaxStackLevel ChargingScheduleAllowedChargingRateUnit ChargingScheduleMaxPeriods
    ClockAlignedDataInterval ConnectionTimeOut ConnectorPhaseRotation ConnectorPhaseRotationMaxLength
    ConnectorSwitch3to1PhaseSupported GetConfigurationMaxKeys HeartbeatInterval LightIntensity
    LocalAuthListEnabled LocalAuthListMaxLength LocalAuthorizeOffline LocalPreAuthorize
    MaxChargingProfilesInstalled MaxEnergyOnInvalidId MeterValueSampleInterval MeterValuesAlignedData
    MeterValuesAlignedDataMaxLength MeterValuesSampledData MeterValuesSampledDataMaxLength
    MinimumStatusDuration NumberOfConnectors ReserveConnectorZeroSupported ResetRetries SendLocalListMaxLength
    StopTransactionOnEVSideDisconnect StopTransactionOnInvalidId StopTxnAlignedData
    StopTxnAlignedDataMaxLength StopTxnSampledData StopTxnSampledDataMaxLength SupportedFeatureProfiles
    SupportedFeatureProfilesMaxLength SupportedFileTransferProtocols TransactionMessageAttempts
    TransactionMessageRetryInterval UnlockConnectorOnEVSideDisconnect WebSocketPingInterval
    AdditionalRootCertificateCheck CertificateSignedMaxChainSize CertificateStoreMaxLength CpoName
    SecurityProfile CentralContractValidationAllowed CertSigningRepeatTimes CertSigningWaitMinimum
    ContractValidationOffline ISO15118PnCEnabled
    """.lower().split()
)
"""Those of OCPP 1.6 section 9, of the security whitepaper and of the application note on ISO 15118."""
_VARIABLES: Final = frozenset(
    """
    ISO15118Ctrlr.CentralContractValidationAllowed ISO15118Ctrlr.ContractValidationOffline
    ISO15118Ctrlr.CountryName ISO15118Ctrlr.Enabled ISO15118Ctrlr.ISO15118EvseId
    ISO15118Ctrlr.MaxScheduleEntries ISO15118Ctrlr.OrganizationName ISO15118Ctrlr.PnCEnabled
    ISO15118Ctrlr.RequestMeteringReceipt ISO15118Ctrlr.RequestedEnergyTransferMode ISO15118Ctrlr.SeccId
    ISO15118Ctrlr.V2GCertificateInstallationEnabled OCPPCommCtrlr.ActiveNetworkProfile
    OCPPCommCtrlr.FileTransferProtocols OCPPCommCtrlr.HeartbeatInterval OCPPCommCtrlr.MessageTimeout
    OCPPCommCtrlr.NetworkConfigurationPriority OCPPCommCtrlr.NetworkProfileConnectionAttempts
    OCPPCommCtrlr.OfflineThreshold OCPPCommCtrlr.ResetRetries OCPPCommCtrlr.RetryBackOffRandomRange
    OCPPCommCtrlr.RetryBackOffRepeatTimes OCPPCommCtrlr.RetryBackOffWaitMinimum
    OCPPCommCtrlr.WebSocketPingInterval SecurityCtrlr.AdditionalRootCertificateCheck
    SecurityCtrlr.CertSigningRepeatTimes SecurityCtrlr.CertSigningWaitMinimum SecurityCtrlr.CertificateEntries
    SecurityCtrlr.Identity SecurityCtrlr.MaxCertificateChainSize SecurityCtrlr.OrganizationName
    SecurityCtrlr.SecurityProfile
    """.lower().split()
)
"""Those of OCPP 2.0.1's controllers (part 2, Referenced Components and Variables)."""


def is_harmless_key(key: str) -> bool:
    """Whether what a key of 1.6 is set to may be written down; case does not count (CiString)."""
    return key.lower() in _KEYS


def is_harmless_variable(name: VariableName) -> bool:
    """Whether a variable's value may be written down; case does not count."""
    return f"{name.component}.{name.variable}".lower() in _VARIABLES


def without_secrets(demand: Demand) -> Demand:
    """The demand as it may be written down; equal to `demand` where nothing had to be left out."""
    match demand:
        case ChangeConfiguration() if not is_harmless_key(demand.key):
            return msgspec.structs.replace(demand, value=WITHHELD)
        case SetVariables():
            shown = tuple(
                one if is_harmless_variable(one.name) else msgspec.structs.replace(one, value=WITHHELD)
                for one in demand.variables
            )
            return msgspec.structs.replace(demand, variables=shown)
        case SetNetworkProfile():
            return msgspec.structs.replace(demand, connection_data=_open_connection(demand.connection_data))
        case GetLog():
            return msgspec.structs.replace(demand, remote_location=_bare(demand.remote_location))
        case SignedUpdateFirmware():
            return msgspec.structs.replace(demand, location=_bare(demand.location))
        case _:
            return demand


def _open_connection(data: ocpp201.ConnectionData) -> ocpp201.ConnectionData:
    apn, vpn = data.apn, data.vpn
    if apn is not None:
        password = None if apn.apn_password is None else WITHHELD
        apn = msgspec.structs.replace(apn, apn_password=password, sim_pin=None if apn.sim_pin is None else 0)
    if vpn is not None:
        vpn = msgspec.structs.replace(vpn, password=WITHHELD, key=WITHHELD)
    return msgspec.structs.replace(data, ocpp_csms_url=_bare(data.ocpp_csms_url), apn=apn, vpn=vpn)


def _bare(url: str) -> str:
    """The URL if it plainly is one, with neither user, parameters, query nor fragment, where secrets travel."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return WITHHELD
    is_plain = parts.scheme and parts.netloc and not (parts.query or parts.fragment) and not set("@;\\") & set(url)
    return url if is_plain else WITHHELD


def file_name(told: str) -> str:
    """A file's name that a station told; of a path or URL the last part alone."""
    return told.partition("?")[0].partition("#")[0].replace("\\", "/").rpartition("/")[2]

"""Vehicles at a station of our CPMS, which serves no contracts yet: each is told no, at once, in every dialect."""

import base64
from pathlib import Path

import pytest

from agents_contracts import EMAID, contract, mo_pki
from chainpilot.cpms.model.demands import InstallCertificate
from chainpilot.station.agent.contracts.rules import Ground
from chainpilot.wire.ocpp201 import AuthorizationStatus
from chainpilot.wire.pnc.dialects import Dialect
from chainpilot.wire.pnc.words import CertificateAction, CertificateUse, Iso15118EvCertificateStatus
from chainpilot.wire.version import OcppVersion
from flows.duet import open_duet

pytestmark = pytest.mark.anyio

EXI = base64.b64encode(b"the vehicle's own words" * 40).decode()
VERSIONS = {Dialect.H: OcppVersion.V16, Dialect.O: OcppVersion.V16, Dialect.V201: OcppVersion.V201}


@pytest.mark.parametrize("dialect", VERSIONS, ids=lambda one: one.value)
async def test_no_contract_charges_and_none_is_installed(tmp_path: Path, dialect: Dialect) -> None:
    mo = mo_pki()
    known = (dialect,) if VERSIONS[dialect] is OcppVersion.V16 else ()
    async with open_duet(tmp_path, VERSIONS[dialect], known, 2) as duet:
        duet.give_root()
        await duet.start()
        root = mo.root.certificate.to_pem()
        await duet.call(InstallCertificate(CertificateUse.MO_ROOT_CERTIFICATE, root))
        begun = duet.clock.monotonic()
        chain = mo.stack(contract(mo).certificate)
        decision = await duet.station.agent.authorize_contract(chain, EMAID)
        assert (decision.accepted, decision.ground) == (False, Ground.CSMS_REFUSED)
        assert decision.token_status is AuthorizationStatus.INVALID
        answer = await duet.station.agent.install_ev_certificate(
            "urn:iso:15118:2:2013:MsgDef", EXI, CertificateAction.INSTALL
        )
        assert (answer.status, answer.exi_response) == (Iso15118EvCertificateStatus.FAILED, "")
        assert duet.clock.monotonic() == begun, "neither waited for its time to pass"

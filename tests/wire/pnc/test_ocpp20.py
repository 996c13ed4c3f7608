"""What we write in dialect H beside the schemas of OCPP 2.0: each departure from them is one we need.

That every message keeps to them otherwise is `test_matrix`'s, which draws them at random.
"""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chainpilot.pki.encoding import PemLabel, TextEncoding, write_blocks
from chainpilot.pki.hashdata import hash_data
from chainpilot.pki.keys import KeySpec, generate_private_key
from chainpilot.pki.trust import LeafUse
from chainpilot.wire.ocpp201 import AuthorizationStatus
from chainpilot.wire.pnc import messages as m
from chainpilot.wire.pnc import words as w
from chainpilot.wire.pnc.codec import encode_request, encode_response
from chainpilot.wire.pnc.dialects import Dialect
from chainpilot.wire.pnc.fields import NO_QUIRKS, Quirk
from chainpilot.wire.pnc.tables import DIALECTS
from forge import v2g_hierarchy
from ocpp20 import DEPARTURES, Departure, breach, is_in_ocpp20
from sims import csr_text

ROWS = DIALECTS[Dialect.H].messages
ACTION_OF = {side.of: row.action for row in ROWS for side in (row.request, row.response)}

V2G = v2g_hierarchy()
LEAF, SUB2, SUB1, ROOT = V2G.certificates
CSR = csr_text(generate_private_key(KeySpec.P521), "DE*ICE*E0001", encoding=TextEncoding.HEX_DER)
HASHES = tuple(hash_data(one, above) for one, above in ((LEAF, SUB2), (SUB2, SUB1), (SUB1, ROOT)))
QUESTIONS = tuple(m.OcspRequestData(one, "http://ocsp.example/v2g") for one in HASHES)
EMAID = m.IdToken("DE8AA1A2B3C4D5")
PEM = LEAF.to_pem() + SUB2.to_pem() + SUB1.to_pem()


def in_hex(der: bytes) -> str:
    return write_blocks([der], PemLabel.CERTIFICATE, TextEncoding.HEX_DER)


Specimen = tuple[m.PncRequest | m.PncResponse, frozenset[Quirk]]

CHAIN = m.CertificateChain(in_hex(LEAF.der), (in_hex(SUB2.der), in_hex(SUB1.der)))
INSTALL_ROOT = m.InstallCertificateRequest(w.CertificateUse.V2G_ROOT_CERTIFICATE, ROOT.to_pem())
PLAIN: list[m.PncRequest | m.PncResponse] = [
    m.AuthorizeRequest(EMAID),
    m.AuthorizeRequest(EMAID, PEM, QUESTIONS),
    m.AuthorizeResponse(m.IdTokenInfo(AuthorizationStatus.ACCEPTED), w.AuthorizeCertificateStatus.ACCEPTED),
    m.SignCertificateRequest(CSR, LeafUse.V2G),
    m.SignCertificateResponse(w.GenericStatus.REJECTED, "the common name is another's"),
    m.CertificateSignedRequest(LEAF.to_pem(), LeafUse.V2G),
    m.CertificateSignedRequest(PEM, LeafUse.CSMS),
    m.CertificateSignedResponse(w.GenericStatus.ACCEPTED),
    INSTALL_ROOT,
    m.InstallCertificateRequest(w.CertificateUse.CSO_SUB_CA1, in_hex(SUB1.der)),
    m.InstallCertificateResponse(w.InstallCertificateStatus.REJECTED),
    m.InstallCertificateResponse(w.InstallCertificateStatus.FAILED),
    m.DeleteCertificateRequest(HASHES[0]),
    m.DeleteCertificateResponse(w.DeleteCertificateStatus.NOT_FOUND),
    m.GetInstalledCertificateIdsRequest((w.CertificateUse.V2G_ROOT_CERTIFICATE,)),
    m.GetInstalledCertificateIdsRequest((w.CertificateUse.V2G_CERTIFICATE_CHAIN,)),
    m.GetInstalledCertificateIdsResponse(
        w.GetInstalledCertificateStatus.ACCEPTED,
        (m.CertificateHashDataChain(w.CertificateUse.V2G_CERTIFICATE_CHAIN, HASHES[0], HASHES[1:]),),
    ),
    m.GetInstalledCertificateIdsResponse(w.GetInstalledCertificateStatus.NOT_FOUND),
    m.Get15118EVCertificateRequest("urn:iso:15118:2:2013:MsgDef", "gJgB" * 1375),
    m.Get15118EVCertificateResponse(w.Iso15118EvCertificateStatus.FAILED),
    m.Get15118EVCertificateResponse(w.Iso15118EvCertificateStatus.ACCEPTED, "gJgB" * 1376, None, None, CHAIN, CHAIN),
    m.GetCertificateStatusRequest(QUESTIONS[:1]),
    m.GetCertificateStatusResponse(w.GetCertificateStatusStatus.FAILED, None, "the responder is silent"),
    m.GetCertificateStatusResponse(w.GetCertificateStatusStatus.ACCEPTED, "MIID"),
    m.TriggerMessageRequest(w.MessageTrigger.SIGN_CHARGING_STATION_CERTIFICATE),
    m.TriggerMessageRequest(w.MessageTrigger.SIGN_V2G_CERTIFICATE),
    m.TriggerMessageResponse(w.TriggerMessageStatus.NOT_IMPLEMENTED),
]
ROOT_MISSPELT: Specimen = (INSTALL_ROOT, frozenset({Quirk.MISSPELT_V2G_ROOT}))
SPECIMENS: list[Specimen] = [
    *((message, NO_QUIRKS) for message in PLAIN),
    ROOT_MISSPELT,
    (m.TriggerMessageRequest(w.MessageTrigger.SIGN_V2G_CERTIFICATE), frozenset({Quirk.MISSPELT_TRIGGER})),
]
"""Messages with what is real in them: what none of them needs, nobody does."""


def breach_of(specimen: Specimen, without: Departure | None = None) -> str | None:
    message, quirks = specimen
    if isinstance(message, m.PncRequest):
        side, payload = "Request", encode_request(message, Dialect.H, quirks).payload
    else:
        side, payload = "Response", encode_response(message, Dialect.H)
    return breach(side, ACTION_OF[type(message)], json.loads(str(payload["data"])), without)


def test_ocpp_2_0_has_a_schema_for_every_message_of_the_text() -> None:
    assert all(is_in_ocpp20(side, row.action) for row in ROWS for side in ("Request", "Response"))
    assert {type(message) for message, _ in SPECIMENS} == ACTION_OF.keys()


def test_real_messages_keep_to_the_schemas_but_for_the_departures() -> None:
    assert [found for specimen in SPECIMENS if (found := breach_of(specimen))] == []


@pytest.mark.parametrize("departure", DEPARTURES, ids=str)
def test_a_departure_is_one_that_a_message_needs(departure: Departure) -> None:
    assert any(breach_of(specimen, departure) for specimen in SPECIMENS), f"nothing needs it: {departure.why}"


def test_a_member_that_the_schema_does_not_name_is_a_breach() -> None:
    """The schemas themselves let everything pass that they don't name."""
    right, wrong = "15118SchemaVersion", "iso15118SchemaVersion"
    said = {right: "urn:iso:15118:2:2013:MsgDef", "exiRequest": "gJgB"}
    assert breach("Request", "Get15118EVCertificate", said) is None
    assert breach("Request", "Get15118EVCertificate", {**said, wrong: said[right]}) is not None


def test_the_quirk_of_row_2_is_the_schema_s_own_spelling() -> None:
    (spelt,) = (one for one in DEPARTURES if one.row == 2 and one.message == "InstallCertificateRequest")
    assert breach_of(ROOT_MISSPELT, spelt) is None


CERTIFICATES: st.SearchStrategy[Any] = st.builds(
    m.CertificateChain,
    st.integers(1, 5_500).map("A".__mul__),
    st.lists(st.integers(1, 5_500).map("A".__mul__), max_size=4).map(tuple),
)


@given(contract=st.none() | CERTIFICATES, provisioning=st.none() | CERTIFICATES)
def test_chains_beside_the_vehicle_s_answer_are_valid(
    contract: m.CertificateChain | None, provisioning: m.CertificateChain | None
) -> None:
    """Row 14: written only, so the matrix, which reads everything back, has none."""
    accepted = w.Iso15118EvCertificateStatus.ACCEPTED
    answer = m.Get15118EVCertificateResponse(accepted, "gJgB", contract_chain=contract, provisioning_chain=provisioning)
    assert breach_of((answer, NO_QUIRKS)) is None

"""The flows that the CPMS begins: something is wanted of a station."""

from typing import Final

from chainpilot.wire.pnc.dialects import Dialect
from flows import call_scenarios as scenarios
from flows.flow import Flow
from flows.stage import Cast
from flows.store_answers import Manners

__all__ = ["CALL_FLOWS"]

H, O, S, V201 = Dialect.H, Dialect.O, Dialect.S, Dialect.V201  # noqa: E741 - the specification's letters

CALL_FLOWS: Final = (
    Flow(
        name="renewal",
        title="A renewal that the operator asks for",
        gist="a trigger, and the enrolment that follows from it",
        text="""\
A certificate is renewed with a new key, and only the station can make one: it is told to ask. Its Accepted to the
trigger is the end of the call; the SignCertificate that follows is a request like any other, with a record of its own.

The call is on disk before anything is sent, and its message is recorded before it is sent. A process that ends in
between says it again, which does no harm: a station whose CSR is open makes no second one.
""",
        play=scenarios.ask_for_renewal,
        casts=(Cast(dialect=H), Cast(dialect=O), Cast(dialect=S), Cast(dialect=V201)),
    ),
    Flow(
        name="root-installed",
        title="A root is installed, and another is refused",
        gist="one InstallCertificate that is accepted, one for which the store has no room",
        text="""\
A station trusts what leads to its roots, so a new root goes there before the certificates that need it. The root is on
disk with the call before the order returns; what can't be a root, or has expired, is refused before that.

Here the station's store has room for one of two roots. Anything but Accepted is a refusal: the call ends with what the
station said, and is not tried again by itself. S has no word for V2G roots, so it is shown with roots of the CSMS.
""",
        play=scenarios.install_roots,
        casts=(
            Cast(dialect=H, is_known=True, knows_v2g_root=False, room=2),
            Cast(dialect=O, is_known=True, knows_v2g_root=False, room=2),
            Cast(dialect=S, is_known=True, room=3),
            Cast(dialect=V201, is_known=True, knows_v2g_root=False, room=2),
        ),
    ),
    Flow(
        name="certificate-deleted",
        title="A certificate is deleted",
        gist="the station's list is read first, and its own words are echoed",
        text="""\
A certificate is named by hashes of its issuer's name and key, and by its serial number. Stations choose the algorithm
and write the digits in their own ways, so the list is read first; the entry that means the certificate is sent back
unchanged.

Both messages are recorded before they are sent. If the process ends before the answer to the second, the list is read
again: a certificate that it no longer has was deleted. One that it never had ends the call with CertificateNotListed.
""",
        play=scenarios.delete_root,
        casts=(
            Cast(dialect=H, is_known=True),
            Cast(dialect=O, is_known=True),
            Cast(dialect=S, is_known=True),
            Cast(dialect=V201, is_known=True),
        ),
    ),
    Flow(
        name="dialect-found",
        title="A station whose dialect nobody knows yet",
        gist="asked in one dialect after the other, until one is served",
        text="""\
A station of OCPP 1.6 that has sent no message of Plug & Charge yet may speak any dialect. It is asked in S, H and O, in
this order; what it does not serve it refuses without doing anything, so nothing happens twice. A dialect in which it
was never heard is passed over whichever CALLERROR it answers; if none is served, such an error counts as no answer, and
all are tried again later.

The dialect that it served is written to its record, and it is asked in that one first from then on. Every message and
its answer are in the call's record, the refused ones too.
""",
        play=scenarios.meet,
        casts=(Cast(dialect=O),),
    ),
    Flow(
        name="trigger-misspelt",
        title="The trigger in the text's own spelling",
        gist="a word that is refused is said once more as H misspells it",
        text="""\
The text of H spells the trigger SignV2GCertifcate, so there may be stations that know no other word. The right one is
said first; where it is refused, the other follows once.

What the station understood is written to its record, and the next trigger begins with it. Should it be refused one
day, the right spelling gets its turn again.
""",
        play=scenarios.ask_in_the_other_spelling,
        casts=(Cast(dialect=H, is_known=True, manners=Manners(only_misspelt=True)),),
    ),
    Flow(
        name="root-as-hex",
        title="A root refused as PEM and taken as hex DER",
        gist="the text's own encoding, for a station that reads no other",
        text="""\
The text of H writes certificates as hexadecimal DER, while PKIs and the other dialects write PEM. A station that has
sent no CSR yet has shown no encoding: it is sent PEM, and hexadecimal DER once if it refuses.

The encoding that it took is written to its record, and every certificate for it is written so from then on, until a CSR
of its own shows another. If it refuses both, its first answer stands.
""",
        play=scenarios.install_root_as_hex,
        casts=(Cast(dialect=H, is_known=True, knows_v2g_root=False, manners=Manners(only_hex=True)),),
    ),
    Flow(
        name="call-waits",
        title="Something is wanted of a station that is away",
        gist="the call waits on disk, and goes when the station is back",
        text="""\
A call may be ordered at any time. It is on disk when the order returns; while the station is away it waits, nobody
dials, and no try is counted.

When the station is back and its first call has been answered, what waits for it is due, oldest first and one at a
time. What has not been carried out after seven days (`call_days`) is given up with CallExpired.
""",
        play=scenarios.wait_for_station,
        casts=(
            Cast(dialect=H, is_known=True, knows_v2g_root=False),
            Cast(dialect=O, is_known=True, knows_v2g_root=False),
            Cast(dialect=S, is_known=True),
            Cast(dialect=V201, is_known=True, knows_v2g_root=False),
        ),
    ),
    Flow(
        name="station-silent",
        title="A station that never answers",
        gist="told five times, at growing distances, then given up",
        text="""\
The station is connected, and no answer comes. After 30 seconds (`call_timeout`) a try is over: the station may have the
message or not. It is said again after 5 seconds, then after 10, 20 and 40; the wait doubles each time, up to an hour.

After the fifth try (`call_attempts`) the call is given up as Failed with StationSilent. Saying it again does no harm: a
root that is installed already stays installed. While the station is away no try is counted, and nobody dials.
""",
        play=scenarios.stay_silent,
        casts=(
            Cast(dialect=H, is_known=True, knows_v2g_root=False, manners=Manners(never_answers=True)),
            Cast(dialect=V201, is_known=True, knows_v2g_root=False, manners=Manners(never_answers=True)),
        ),
    ),
    Flow(
        name="reset-unanswered",
        title="A reset without an answer",
        gist="said once, never again; its outcome is unknown",
        text="""\
A station that is told to reset once more starts once more, in the middle of a charge perhaps. So Reset is said once. If
no answer comes within 30 seconds (`call_timeout`) the call ends as OutcomeUnknown: the station may start again or not.

Here it does, and its return is a connection like any other: nothing is said again, and the record stays as it is. Who
wants to know looks at the station, and orders another Reset if it is needed. A signed update goes the same way.
""",
        play=scenarios.reset_without_answer,
        casts=(
            Cast(dialect=S, is_known=True, manners=Manners(never_answers=True)),
            Cast(dialect=V201, is_known=True, manners=Manners(never_answers=True)),
        ),
    ),
    Flow(
        name="certificate-sent-again",
        title="A certificate is sent once more",
        gist="the operator sends the certificate of an enrolment again; nothing is issued",
        text="""\
A station may have lost its certificate, or say that it never came. SendCertificate names an enrolment, and its chain is
sent again as it was issued; the PKI is not asked, so it costs nothing. The chain is judged anew before it goes.

The enrolment's own delivery does the work: the enrolment goes back to Issued, is Delivered, and is Installed once the
station has accepted and, where its dialect has SECC certificates, lists it. Each message is in the call's record too.
""",
        play=scenarios.send_again,
        casts=(
            Cast(dialect=H, is_known=True),
            Cast(dialect=O, is_known=True),
            Cast(dialect=S, is_known=True),
            Cast(dialect=V201, is_known=True),
        ),
    ),
    Flow(
        name="new-password",
        title="A new password",
        gist="made here, told to the station alone, proven by its return",
        text="""\
The CPMS makes the password when the station is there to take it, and keeps hashes of it alone. They are on disk before
the message is sent, beside the former password's: until the station's answer is known, either lets it in, so no lost
answer locks it out.

Accepted ends the former password at once; the station then comes back with the new one. RebootRequired leaves both
until the station comes with the new one after a restart, which has to be ordered for itself. In OCPP 1.6 the key is
AuthorizationKey, in 2.0.1 the variable is BasicAuthPassword.
""",
        play=scenarios.change_password,
        casts=(Cast(dialect=S, is_known=True), Cast(dialect=V201, is_known=True)),
    ),
    Flow(
        name="network-profile",
        title="From security profile 2 to 3 on OCPP 2.0.1",
        gist="a network profile is set, comes first, and is used after a restart",
        text="""\
A station of OCPP 2.0.1 keeps several ways to its CSMS in slots. The way to the listener of security profile 3 goes into
a free one, that slot is put first, and the station starts again. The former way stays in its slot, so that the station
is not lost if the new one fails.

Each of the three is a call with a record of its own. Reset is never said twice: without an answer its outcome is
unknown. That the station comes by mutual TLS is the proof, recorded with the connection; from then on lower profiles
are refused (`raise_profile`), and so is the order of a network profile with a lower one.
""",
        play=scenarios.raise_to_profile_3,
        casts=(Cast(dialect=V201),),
    ),
    Flow(
        name="log-fetched",
        title="A log is fetched",
        gist="the station uploads it, and tells how far it is",
        text="""\
The station sends its log to a URL, not to the CPMS. The call is done once the station has said that it will; how far it
is comes in LogStatusNotification, and the last word is kept with the call, on disk before it is answered.

The notification names the call by its requestId, which is the call's own number. A URL with a user or a query in it may
hold a secret: it is kept in memory alone, and the record says so.
""",
        play=scenarios.fetch_log,
        casts=(Cast(dialect=S, is_known=True), Cast(dialect=V201, is_known=True)),
    ),
)

"""The evse_security commands, one method each (seeds 000 and 001, station-store.md section 1).

Synchronous and thread-safe: an event loop calls it by `to_thread`. No command raises for what comes from outside or
from the disk: an unknown enumeration string, a broken certificate and a full disk have their results (section 4).
"""

import logging
from datetime import datetime, timedelta

from chainpilot.clock import SYSTEM, Clock
from chainpilot.pki.hashdata import CertificateHashData
from chainpilot.station import housekeeping, ocsp_cache
from chainpilot.station.housekeeping import Surplus
from chainpilot.station.layout import StoreConfig
from chainpilot.station.model import LeafExpiring, OcspOutcome
from chainpilot.station.service.access import read_named, read_text
from chainpilot.station.service.installing import Installing
from chainpilot.station.service.telling import Telling
from chainpilot.station.vault import OS_FILES, Change, FileOperations

__all__ = ["EvseSecurity"]

_log = logging.getLogger(__name__)


class EvseSecurity(Installing, Telling):
    """A station's certificate and key store.

    Any number of threads and processes may use one directory at once. What a command refuses is logged with its
    reason; `install_ca`, `update_leaf`, `delete`, `cache_ocsp` and `validate` answer the reason too.
    """

    def __init__(self, config: StoreConfig, *, clock: Clock = SYSTEM, files: FileOperations = OS_FILES) -> None:
        """See Access."""
        super().__init__(config, clock=clock, files=files)
        self._told: dict[tuple[object, ...], datetime] = {}

    def update_ocsp_cache(self, certificate_hash_data: CertificateHashData, ocsp_response: str) -> None:
        """Keep an OCSP answer (base64 of DER) for an installed certificate, if it fits; see `cache_ocsp`."""
        self.cache_ocsp(certificate_hash_data, ocsp_response)

    def cache_ocsp(self, certificate_hash_data: CertificateHashData, ocsp_response: str) -> OcspOutcome:
        """update_ocsp_cache with whether the answer was taken, and why not."""
        subject = read_named(certificate_hash_data)
        if subject is None:
            outcome = OcspOutcome(accepted=False, reason="not hash data of a known algorithm")
        else:
            outcome = self._change(
                "update_ocsp_cache",
                lambda change: ocsp_cache.take(
                    change, self._layout, subject, read_text(ocsp_response), self._clock.now()
                ),
                lambda why: OcspOutcome(accepted=False, reason=why),
                accepts=lambda answer: answer.accepted,
            )
        if not outcome.accepted:
            _log.warning("update_ocsp_cache: %r", outcome.reason)
        return outcome

    def run_housekeeping(self) -> Surplus:
        """Remove what nobody needs any more, tell of leaves that end soon; answers what was removed.

        Answered and superseded signing requests past their lifetime, ended leaves beyond the newest, orphan keys, OCSP
        answers of gone certificates. Never a key in use, and never an open request. There is no thread of its own:
        whoever runs the store calls it every `garbage_collect_seconds`. What fails is logged and left to the next time.
        """
        found = self._look(
            "run_housekeeping",
            lambda look: housekeeping.surplus(look, self._layout, self._clock.now()),
            lambda _: Surplus(),
        )
        if not found.is_empty:
            found = self._change("run_housekeeping", self._tidied, lambda _: Surplus())
        self._publish(found.updates)
        self._tell_expiring()
        return found

    def _tidied(self, change: Change) -> Surplus:
        found = housekeeping.surplus(change, self._layout, self._clock.now())
        housekeeping.remove(change, self._layout, found)
        return found

    def _tell_expiring(self) -> None:
        """Once for each leaf that is the latest of its slot."""
        due = self.leaves_due(self._clock.now() + timedelta(days=self._layout.config.expiring_days))
        for one in due:
            if self._told.get(_slot(one)) != one.not_after:
                self._told[_slot(one)] = one.not_after
                self._expiring.publish(one)


def _slot(one: LeafExpiring) -> tuple[object, ...]:
    return one.certificate_type, one.common_name, one.edition

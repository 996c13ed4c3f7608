"""A V2G PKI for tests and demonstrations: hierarchy, EST server, OCSP responder. NEVER for production.

Its keys lie in plain files, it registers nobody and revokes nothing, and every certificate it makes says TEST, so that
only `allow_test_pki` admits its roots. Injected faults are not handled here.
"""

__all__: list[str] = []

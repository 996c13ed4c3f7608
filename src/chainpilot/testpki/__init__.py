"""A V2G PKI for tests and demonstrations: CAs, EST server, OCSP responder, revocation lists. NEVER for production.

Its keys lie in plain files, it registers nobody, and every certificate it makes says TEST, so that only
`allow_test_pki` admits its roots. It fails in named ways when it is told to.
"""

__all__: list[str] = []

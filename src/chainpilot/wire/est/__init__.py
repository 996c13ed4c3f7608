"""Enrollment over Secure Transport (RFC 7030, 8951) without HTTP: both halves of one conversation.

`client` builds requests and judges answers, `server` reads requests and writes answers; `paths`, `bodies` and
`messages` are what both stand on. Sockets, TLS, logins and what an answer means for an enrolment are not
handled here.
"""

__all__: list[str] = []

"""What OCSP responders say of stations' certificates: asked for them, judged, kept while it holds.

Sockets are not handled here.
"""

from chainpilot.cpms.ocsp.desk import StatusDesk
from chainpilot.cpms.ocsp.shelf import Answered, Unanswered
from chainpilot.cpms.ocsp.targets import HostPort, Targets, UrlRefused, host_and_port, place_of

__all__ = [
    "Answered",
    "HostPort",
    "StatusDesk",
    "Targets",
    "Unanswered",
    "UrlRefused",
    "host_and_port",
    "place_of",
]

"""The test PKI's OCSP responder over plain HTTP, GET and POST (RFC 6960 appendix A), and its revocation lists.

NEVER for production.
"""

import base64
import binascii
from collections.abc import Callable
from datetime import datetime
from typing import Final
from urllib.parse import unquote_to_bytes

from aiohttp import web

from chainpilot.clock import Clock
from chainpilot.testpki.faults import Fault, Faults
from chainpilot.testpki.http import SLOW_SECONDS, Served, Watch, read_body
from chainpilot.testpki.issuer import CRL_PATH
from chainpilot.testpki.responder import MAX_OCSP_REQUEST, Responder

__all__ = ["OcspApp"]

_REQUEST: Final = "application/ocsp-request"
_RESPONSE: Final = "application/ocsp-response"
_LIST: Final = "application/pkix-crl"
"""RFC 5280 section 4.2.1.13, RFC 2585 section 4.2."""
_GARBAGE: Final = b"this is no OCSP response"


def _no_list(_: str, __: datetime) -> bytes | None:
    return None


class OcspApp:
    """The handler of the responder.

    Args:
        responder: answers.
        clock: when.
        watch: called after every answer.
        faults: what is to go wrong.
        revocation_list: the DER list whose file name stands in a path; None when there is none of that name.
    """

    def __init__(
        self,
        responder: Responder,
        clock: Clock,
        watch: Watch | None = None,
        *,
        faults: Faults | None = None,
        revocation_list: Callable[[str, datetime], bytes | None] = _no_list,
    ) -> None:
        self._responder = responder
        self._clock = clock
        self._watch = watch
        self._faults = faults or Faults()
        self._revocation_list = revocation_list

    async def handle(self, request: web.Request) -> web.Response:
        """Answer one request; what is no OCSP request at all gets the OCSP answer malformedRequest."""
        if self._faults.strikes(Fault.OCSP_SLOW):
            await self._clock.sleep_until(self._clock.monotonic() + SLOW_SECONDS)
        if self._faults.strikes(Fault.OCSP_SERVER_ERROR):
            return self._refuse(500, "something broke")
        match request.method:
            case "GET" if request.path.startswith(CRL_PATH):
                return self._list(request.path.removeprefix(CRL_PATH))
            case "GET":
                asked = _from_path(request.raw_path)
            case "POST" if request.content_type == _REQUEST:
                asked = await read_body(request, MAX_OCSP_REQUEST) or b""
            case "POST":
                return self._refuse(415, f"the body of a POST is {_REQUEST}")
            case _:
                return self._refuse(405, "an OCSP responder is asked by GET or POST")
        if len(asked) > MAX_OCSP_REQUEST:
            return self._refuse(413, f"a request has at most {MAX_OCSP_REQUEST} bytes")
        answer = self._responder.answer(asked, self._clock.now())
        if self._faults.strikes(Fault.OCSP_GARBAGE):
            answer = _GARBAGE
        self._tell(200, len(asked), len(answer))
        return web.Response(body=answer, headers={"Content-Type": _RESPONSE})

    def _list(self, name: str) -> web.Response:
        found = self._revocation_list(name, self._clock.now())
        if found is None:
            return self._refuse(404, "no such revocation list")
        if self._watch is not None:
            self._watch(Served("ocsp", "crl", "", 200, 0, len(found)))
        return web.Response(body=found, headers={"Content-Type": _LIST})

    def _refuse(self, status: int, why: str) -> web.Response:
        self._tell(status, 0, len(why))
        response = web.Response(status=status, text=why)
        response.force_close()
        return response

    def _tell(self, status: int, received: int, sent: int) -> None:
        if self._watch is not None:
            self._watch(Served("ocsp", "ocsp", "", status, received, sent))


def _from_path(path: str) -> bytes:
    """The request in a GET's path: base64, percent-encoded by careful clients only; empty when it is neither."""
    try:
        return base64.b64decode(unquote_to_bytes(path.lstrip("/")), validate=True)
    except (binascii.Error, ValueError):
        return b""

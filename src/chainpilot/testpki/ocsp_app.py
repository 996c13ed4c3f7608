"""The test PKI's OCSP responder over plain HTTP, GET and POST (RFC 6960 appendix A). NEVER for production."""

import base64
import binascii
from typing import Final
from urllib.parse import unquote_to_bytes

from aiohttp import web

from chainpilot.clock import Clock
from chainpilot.testpki.http import Served, Watch, read_body
from chainpilot.testpki.responder import MAX_OCSP_REQUEST, Responder

__all__ = ["OcspApp"]

_REQUEST: Final = "application/ocsp-request"
_RESPONSE: Final = "application/ocsp-response"


class OcspApp:
    """The handler of the responder."""

    def __init__(self, responder: Responder, clock: Clock, watch: Watch | None = None) -> None:
        self._responder = responder
        self._clock = clock
        self._watch = watch

    async def handle(self, request: web.Request) -> web.Response:
        """Answer one request; what is no OCSP request at all gets the OCSP answer malformedRequest."""
        match request.method:
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
        self._tell(200, len(asked), len(answer))
        return web.Response(body=answer, headers={"Content-Type": _RESPONSE})

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

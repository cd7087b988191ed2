"""Who may talk to the page: the browser of this machine, and no page from elsewhere.

A server on 127.0.0.1 can be reached by any page that the browser has open: through a name that
its owner points to 127.0.0.1 (DNS rebinding), or through a form or a websocket aimed at it.
Therefore the ``Host`` must be one of ours, and an ``Origin``, which browsers send with both, too.
"""

from __future__ import annotations

import hmac
from collections.abc import Awaitable, Callable, MutableMapping
from http.cookies import CookieError, SimpleCookie
from ipaddress import ip_address
from typing import Any
from urllib.parse import parse_qsl, urlencode

from lupusim.common.frozen import dataclass

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]

MOST_BYTES = 2_000_000
"""Of the body of a request; a scenario file has at most one million."""

_POLICY = (
    "default-src 'self'; script-src 'self' 'unsafe-inline' 'unsafe-eval'; "
    "style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; font-src 'self' data:; "
    "connect-src 'self'; worker-src 'self' blob:; object-src 'none'; base-uri 'self'; "
    "form-action 'self'; frame-ancestors 'none'"
)
_HEADERS = (
    (b"content-security-policy", _POLICY.encode()),
    (b"referrer-policy", b"no-referrer"),
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
)


def is_loopback(host: str) -> bool:
    """Return whether a host to listen on is this machine alone.

    Examples
    --------
    >>> is_loopback("127.0.0.1"), is_loopback("localhost"), is_loopback("0.0.0.0")
    (True, True, False)
    """
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """Why a request is not answered."""

    status: int  # of HTTP
    words: str  # what the browser shows


@dataclass(frozen=True, slots=True, kw_only=True)
class Gate:
    """Which requests are answered."""

    port: int  # that the server listens on
    token: str = ""
    """A secret that the browser must have brought once; empty on a machine of one's own, where only
    the names of this machine are answered."""

    @property
    def cookie(self) -> str:
        """Name of the cookie that keeps the token; other servers of the machine have theirs."""
        return f"lupusim_token_{self.port}"

    def refusal(self, scope: Scope) -> Refusal | None:
        """Return why a request is refused, or None."""
        headers = _headers(scope)
        host, origin = headers.get("host", ""), headers.get("origin")
        if not self.token and host not in self._names:
            words = f"This page answers only as http://127.0.0.1:{self.port}."
            return Refusal(status=421, words=words)
        if origin is not None and origin not in {f"http://{host}", f"https://{host}"}:
            return Refusal(status=403, words="A page from elsewhere may not use this one.")
        if self.token and not self._has_token(headers):
            words = "Open the address that lupusim app printed: it holds the token."
            return Refusal(status=401, words=words)
        return _too_large(scope, headers)

    def admission(self, scope: Scope) -> str | None:
        """Return where to go on to after the token came in the address, or None."""
        if not self.token or scope["type"] != "http":
            return None
        asked = parse_qsl(scope.get("query_string", b"").decode("latin-1"))
        given = dict(asked).get("token", "")
        if not hmac.compare_digest(given.encode(), self.token.encode()):
            return None
        rest = urlencode([(name, value) for name, value in asked if name != "token"])
        path = "/" + str(scope.get("path", "/")).lstrip("/\\")
        return f"{path}?{rest}" if rest else path

    @property
    def _names(self) -> set[str]:
        return {f"{name}:{self.port}" for name in ("127.0.0.1", "localhost", "[::1]")}

    def _has_token(self, headers: dict[str, str]) -> bool:
        try:
            kept = SimpleCookie(headers.get("cookie", "")).get(self.cookie)
        except CookieError:
            return False
        given = kept.value if kept else ""
        return hmac.compare_digest(given.encode(), self.token.encode())


@dataclass(frozen=True, slots=True)
class Guard:
    """Lets through what the gate lets through, and says which sources a page may use."""

    app: Application  # what is guarded
    gate: Gate  # which requests are answered

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or refuse it."""
        if scope["type"] not in {"http", "websocket"}:
            await self.app(scope, receive, send)
            return
        onward = self.gate.admission(scope)
        if onward is not None:
            await _go_on(send, onward, f"{self.gate.cookie}={self.gate.token}")
            return
        refusal = self.gate.refusal(scope)
        if refusal is None:
            await self.app(scope, receive, _with_headers(send))
        elif scope["type"] == "websocket":
            await receive()
            await send({"type": "websocket.close", "code": 1008})
        else:
            await _refuse(send, refusal)


def _headers(scope: Scope) -> dict[str, str]:
    return {
        name.decode("latin-1").lower(): value.decode("latin-1")
        for name, value in scope.get("headers", ())
    }


def _too_large(scope: Scope, headers: dict[str, str]) -> Refusal | None:
    """Refuse a body that is too long, or of which nobody says how long it is."""
    if scope["type"] != "http" or scope["method"] in {"GET", "HEAD", "OPTIONS"}:
        return None
    length = headers.get("content-length", "")
    if not length.isdigit():
        return Refusal(status=411, words="Say how long the request is.")
    if int(length) > MOST_BYTES:
        return Refusal(status=413, words=f"At most {MOST_BYTES} bytes can be sent.")
    return None


def _with_headers(send: Send) -> Send:
    async def sending(message: MutableMapping[str, Any]) -> None:
        if message["type"] == "http.response.start":
            message = {**message, "headers": [*message.get("headers", ()), *_HEADERS]}
        await send(message)

    return sending


async def _refuse(send: Send, refusal: Refusal) -> None:
    headers = [(b"content-type", b"text/plain; charset=utf-8"), *_HEADERS]
    await send({"type": "http.response.start", "status": refusal.status, "headers": headers})
    await send({"type": "http.response.body", "body": refusal.words.encode()})


async def _go_on(send: Send, path: str, cookie: str) -> None:
    kept = f"{cookie}; HttpOnly; SameSite=Strict; Path=/"
    headers = [(b"location", path.encode()), (b"set-cookie", kept.encode()), *_HEADERS]
    await send({"type": "http.response.start", "status": 303, "headers": headers})
    await send({"type": "http.response.body", "body": b""})

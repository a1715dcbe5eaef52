"""The ways in besides an access token.

    /sign-in/link/<secret>     a link that is good once: GET says who one will be, POST signs in
    /sign-in/with/<provider>   (POST) the way to a provider, which sends the browser back to
    /sign-in/from/<provider>   with a code
    /sign-in/passkey, …/options    (POST) what a passkey must sign, and what it has signed

Who goes to a provider gets a state that is good once, within ten minutes, and in this browser alone: nobody can be sent
back here with a code that somebody else got (RFC 6749, section 10.12). Each provider has an address of its own to come
back to, so that none can pass its answer off as another's (RFC 9207).
"""

import hashlib
import hmac
import json
import re
import secrets
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import Response

from honk.domain.visit import Came
from honk.doors.web.attempts import names_of
from honk.doors.web.rendering import HEADERS, page, problem
from honk.doors.web.signing_in import ANSWER_LIMIT, NOT_OURS, Sessions, away, way_back
from honk.errors import NotAllowed, Unreachable
from honk.service.entering import Entering, Known

LINK, WITH, FROM, PASSKEY = "/sign-in/link", "/sign-in/with", "/sign-in/from", "/sign-in/passkey"
#: for how long the way to a provider and back may take
_OPEN = timedelta(minutes=10)
_WAY = "way to a provider"
_SECRET = re.compile(r"[A-Za-z0-9_-]{43}")
#: what RFC 6749 lets a code and an error consist of
_VISIBLE = re.compile(r"[\x20-\x7e]{1,2000}")
_Page = Callable[[Request], Awaitable[Response]]
_AGAIN = "Please begin again, in this browser."


@dataclass(frozen=True, kw_only=True)
class EnteringPages:
    """What is shown to whoever is not known yet, and what is believed of them."""

    sessions: Sessions
    entering: Entering
    #: the address of one of Honk's own pages
    address: Callable[[str], str | None]

    def pages(self) -> tuple[tuple[str, str, _Page], ...]:
        """Method, path and page."""
        return (
            ("GET", f"{LINK}/{{secret}}", self.invited),
            ("POST", f"{LINK}/{{secret}}", self.by_link),
            ("POST", f"{WITH}/{{provider}}", self.to_provider),
            ("GET", f"{FROM}/{{provider}}", self.from_provider),
            ("POST", f"{PASSKEY}/options", self.passkey_options),
            ("POST", PASSKEY, self.by_passkey),
        )

    # ── a link that is good once ───────────────────────────────────────────────────────────────
    async def invited(self, request: Request) -> Response:
        """Says who one will be. Whatever looks at links before people do changes nothing."""
        secret = request.path_params["secret"]
        names = names_of(request, "link", secret)
        if wait := self.sessions.attempts.begin(*names):
            return self.sessions.refused(request, "/", "", wait=wait)
        person = await self.entering.invited(secret) if _SECRET.fullmatch(secret) else None
        if person is None:
            detail = "It was used, is older than ten minutes, or is not whole."
            return problem(request, 404, "This link opens nothing", detail, "Make another: honk sign-in")
        self.sessions.attempts.right(*names)
        nonce = self.sessions.fresh_nonce(request)
        answer = page(request, "invited.html", name=person.name, path=request.url.path, nonce=nonce)
        self.sessions.remember(answer, nonce)
        return answer

    async def by_link(self, request: Request) -> Response:
        """Signs in, once."""
        secret = request.path_params["secret"]
        if await self.sessions.form(request) is None:
            return self.sessions.refused(request, "/", f"{NOT_OURS} Open the link again.")
        names = names_of(request, "link", secret)
        if wait := self.sessions.attempts.begin(*names):
            return self.sessions.refused(request, "/", "", wait=wait)
        try:
            came = await self.entering.by_link(secret)
        except NotAllowed as refused:
            return self.sessions.refused(request, "/", str(refused))
        return await self._come(request, came, "/", names)

    # ── providers ──────────────────────────────────────────────────────────────────────────────
    async def to_provider(self, request: Request) -> Response:
        """The way there. A page leads on, since a form may lead to our own pages alone."""
        known = self._provider(request)
        form = await self.sessions.form(request)
        back = way_back((form or {}).get("to", ""))
        if form is None or known is None:
            return self.sessions.refused(request, back, NOT_OURS)
        state, nonce = secrets.token_urlsafe(32), secrets.token_urlsafe(32)
        names = names_of(request, "way", state)
        if wait := self.sessions.attempts.begin(*names):
            return self.sessions.refused(request, back, "", wait=wait)
        verifier = secrets.token_urlsafe(48)
        try:
            to = await known.provider.address(
                state=state, nonce=nonce, verifier=verifier, redirect=self._redirect(known)
            )
        except (Unreachable, NotAllowed) as error:
            return problem(request, 503, f"{known.title} does not answer", error.message, error.remedy)
        words = {
            "provider": known.name,
            "nonce": nonce,
            "verifier": verifier,
            "back": back,
            "browser": self._browser(request),
        }
        until = self.sessions.clock() + _OPEN
        await self.entering.entrance.onetime.keep(_WAY, state, json.dumps(words), until)
        return page(request, "to_provider.html", to=to, title=known.title)

    async def from_provider(self, request: Request) -> Response:
        """Takes the code, where this browser was sent for it.

        A browser that comes from elsewhere keeps its cookies to itself (SameSite=Strict), so the page sends it here a
        second time.
        """
        known = self._provider(request)
        if known is None:
            return problem(request, 404, "There is no such provider", "honk.toml names none like this.")
        if not self.sessions.form_nonce(request) and "again" not in request.query_params:
            said = [(name, value) for name, value in request.query_params.items() if _VISIBLE.fullmatch(value)]
            here = f"{request.url.path}?{urlencode([*said, ('again', '1')])}"
            return page(request, "from_provider.html", here=here, title=known.title)
        way = await self._way(request, known)
        if way is None:
            if await self.sessions.visitor(request) is not None:
                return away("/")  # gone back, or loaded again, after it has worked
            detail = "It was not sent there by this page, or more than ten minutes ago, or has come back before."
            return self.sessions.refused(request, "/", f"This browser may not come in: {detail} {_AGAIN}")
        names = names_of(request, "way", request.query_params["state"])
        code = request.query_params.get("code", "")
        if not _VISIBLE.fullmatch(code):
            instead = request.query_params.get("error", "")[:80] or "nothing"
            return self.sessions.refused(request, way["back"], f"{known.title} sent no code, but: {instead}.")
        try:
            claimed = await known.provider.claimed(
                code=code, nonce=way["nonce"], verifier=way["verifier"], redirect=self._redirect(known)
            )
            came = await self.entering.by_provider(known, claimed)
        except Unreachable as error:
            return problem(request, 503, f"{known.title} does not answer", error.message, error.remedy)
        except NotAllowed as refused:
            return self.sessions.refused(request, way["back"], str(refused))
        # The code does not stay in the address.
        return await self._come(request, came, way["back"], names)

    async def _way(self, request: Request, known: Known) -> dict[str, str] | None:
        """What this browser was sent away with; None where it was not, it is too old, or has come back before."""
        state = request.query_params.get("state", "")
        if not _SECRET.fullmatch(state) or not self.sessions.form_nonce(request):
            return None
        words = await self.entering.entrance.onetime.take(_WAY, state)
        way: dict[str, str] = {} if words is None else json.loads(words)
        right = way.get("provider") == known.name and hmac.compare_digest(way["browser"], self._browser(request))
        return way if right else None

    def _provider(self, request: Request) -> Known | None:
        return self.entering.providers.get(request.path_params["provider"])

    def _browser(self, request: Request) -> str:
        return hashlib.sha256(self.sessions.form_nonce(request).encode("utf-8", "replace")).hexdigest()

    def _redirect(self, known: Known) -> str:
        """Where it sends the browser back: what is registered there, never what a header of a request says."""
        path = f"{FROM}/{known.name}"
        return self.address(path) or path

    # ── passkeys ───────────────────────────────────────────────────────────────────────────────
    async def passkey_options(self, request: Request) -> Response:
        """What the browser asks its devices with."""
        if await self.sessions.form(request) is None:
            return Response(status_code=403, headers=HEADERS)
        names = names_of(request, "passkey", self.sessions.form_nonce(request))
        if wait := self.sessions.attempts.begin(*names):
            return Response(status_code=429, headers={**HEADERS, "Retry-After": str(wait)})
        return Response(await self.entering.to_ask(), media_type="application/json", headers=HEADERS)

    async def by_passkey(self, request: Request) -> Response:
        """Signs in whoever's passkey has signed."""
        form = await self.sessions.form(request, ANSWER_LIMIT)
        back = way_back((form or {}).get("to", ""))
        if form is None:
            return self.sessions.refused(request, back, NOT_OURS)
        # counted when the browser asked what to sign
        names = names_of(request, "passkey", self.sessions.form_nonce(request))
        try:
            came = await self.entering.by_passkey(form.get("answer", ""))
        except NotAllowed as refused:
            return self.sessions.refused(request, back, str(refused))
        return await self._come(request, came, back, names)

    async def _come(self, request: Request, came: Came, back: str, names: tuple[str, str]) -> Response:
        self.sessions.attempts.right(*names)
        answer = away(back)
        await self.sessions.begin(request, answer, came)
        return answer

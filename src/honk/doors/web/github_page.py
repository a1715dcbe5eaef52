"""The pages on which a person lets Honk act in their name at GitHub, and takes that back.

    /github/link       who acts as whom, and the way to GitHub, which asks the person itself
    /github/callback   where GitHub sends the browser back, with a code
    /github/unlink     the end of it (POST)

The way to GitHub carries a state that is signed for this visit of this browser and a quarter of an hour: nobody can
be sent back here with a code that somebody else got (RFC 6749, section 10.12).
"""

import hmac
import re
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Protocol

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from honk.domain.access import Scope
from honk.domain.person import Person
from honk.doors.web.rendering import HEADERS, page, problem
from honk.doors.web.signing_in import Sessions, Sign
from honk.errors import ForgeRefused, NotAllowed, NotNow, Unreachable
from honk.ports import Clock
from honk.service import Local
from honk.service.linking import demand

LINK, CALLBACK, UNLINK = "/github/link", "/github/callback", "/github/unlink"
#: for how long the way to GitHub and back may take
_OPEN = timedelta(minutes=15)
_STATE = re.compile(r"([0-9a-f]{32})\.([0-9]{1,12})\.([a-z2-7]{20})")
_CODE = re.compile(r"[A-Za-z0-9_-]{1,200}")
_AGAIN = "begin again at /github/link, in this browser"


class Accounts(Protocol):
    """People's own accounts at GitHub. Raises Unreachable and ForgeRefused."""

    def address(self, state: str, verifier: str, redirect: str) -> str:
        """Where GitHub asks the person. `verifier` is a secret of which GitHub learns a digest."""

    async def prove(self, person: Person, scopes: frozenset[Scope], *, code: str, verifier: str, redirect: str) -> str:
        """The login that the code stands for, which is that person from now on. Raises NotAllowed, NotNow."""

    async def login(self, person: Person) -> str:
        """As whom Honk acts for that person; "" for nobody."""

    async def forget(self, person: Person) -> str:
        """Ends it, here and at GitHub; whose login it was, or ""."""


@dataclass(frozen=True, kw_only=True)
class GithubPage:
    """What is shown, and what is believed of who comes back."""

    sessions: Sessions
    accounts: Accounts
    sign: Sign
    clock: Clock
    #: the address of one of Honk's own pages
    address: Callable[[str], str | None]

    async def link(self, request: Request, _: Local) -> Response:
        """Says who acts as whom, and how that begins. Changes nothing."""
        try:
            demand(await self.sessions.scopes(request))
        except NotAllowed as refused:
            return problem(request, 403, "This cannot be linked", refused.message, refused.remedy)
        return await self._page(request)

    async def callback(self, request: Request, _: Local) -> Response:
        """Takes the code, where this browser was sent for it."""
        nonce = self._nonce(request)
        if nonce is None:
            detail = "This browser was not sent to GitHub by this page, or more than a quarter of an hour ago."
            return problem(request, 403, "This cannot be linked", detail, _AGAIN)
        code = request.query_params.get("code", "")
        if not _CODE.fullmatch(code):
            detail = "GitHub sent no code back: it was not agreed to there."
            return problem(request, 403, "Nothing was linked", detail, _AGAIN)
        try:
            await self.accounts.prove(
                request.state.visitor,
                await self.sessions.scopes(request),
                code=code,
                verifier=self._verifier(nonce),
                redirect=self._redirect(),
            )
        except Unreachable as error:
            return problem(request, 503, "GitHub does not answer", error.message, error.remedy)
        except (NotAllowed, NotNow, ForgeRefused) as refused:
            return problem(request, 403, "This cannot be linked", refused.message, refused.remedy)
        # The code does not stay in the address.
        return RedirectResponse(LINK, status_code=303, headers=HEADERS)

    async def unlink(self, request: Request, _: Local) -> Response:
        """From now on Honk is itself there again."""
        if not await self.sessions.filled_in_here(request):
            return await self._page(request, error="This form was not filled in here. Please try again.")
        try:
            await self.accounts.forget(request.state.visitor)
        except (Unreachable, ForgeRefused, NotNow) as refused:
            said = f"Honk forgot it, but: {refused.message}. {refused.remedy}"
            return await self._page(request, error=said)
        return RedirectResponse(LINK, status_code=303, headers=HEADERS)

    async def _page(self, request: Request, error: str = "") -> Response:
        form = request.state.nonce = self.sessions.fresh_nonce(request)
        answer = page(
            request,
            "github.html",
            status=403 if error else 200,
            visit=request.state,
            login=await self.accounts.login(request.state.visitor),
            to=self._to_github(request),
            error=error,
            nonce=form,
        )
        self.sessions.remember(answer, form)
        return answer

    def _to_github(self, request: Request) -> str:
        nonce, until = secrets.token_hex(16), int((self.clock() + _OPEN).timestamp())
        state = f"{nonce}.{until}.{self._signature(request, nonce, str(until))}"
        return self.accounts.address(state, self._verifier(nonce), self._redirect())

    def _nonce(self, request: Request) -> str | None:
        """What this browser was sent away with; None where it was not, or it is too old."""
        match = _STATE.fullmatch(request.query_params.get("state", ""))
        if match is None:
            return None
        nonce, until, signature = match.groups()
        right = hmac.compare_digest(signature, self._signature(request, nonce, until))
        return nonce if right and int(until) > self.clock().timestamp() else None

    def _signature(self, request: Request, nonce: str, until: str) -> str:
        """The cookie of the visit, not that of forms: whoever comes back from elsewhere gets another one of those."""
        visit = request.cookies.get(self.sessions.cookie, "")
        return self.sign("github-state", f"{nonce}.{until}.{request.state.visitor.id}.{visit}")

    def _verifier(self, nonce: str) -> str:
        """43 to 128 characters (RFC 7636, section 4.1), which only this home can tell of the nonce."""
        return "".join(self.sign(f"github-verifier-{part}", nonce) for part in "abc")

    def _redirect(self) -> str:
        """Where GitHub sends the browser back: what is registered there, never what a header of a request says."""
        return self.address(CALLBACK) or CALLBACK

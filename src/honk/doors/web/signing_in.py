"""Signing in with an access token, and knowing the browser again.

The cookie is no token: it names one, with a date and a signature, and opens nothing but pages. Each request
looks the token up again, so that one that is revoked or expired ends every browser's visit with it. A visit may
do what its token may.
"""

import hmac
import re
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from urllib.parse import parse_qs, quote

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from honk.domain.access import Scope, Token
from honk.doors.web.compressing import is_masked
from honk.doors.web.rendering import HEADERS, page
from honk.ports import Access, Clock, Tasks, Tokens

#: for how long a browser is known again
_KEPT = timedelta(days=30)
#: a form larger than this is not ours
_FORM_LIMIT = 4096
#: Where somebody may be sent after signing in: a path of Honk's own pages, never another server.
_WAY_BACK = re.compile(
    r"/(?:ask|(?:tasks|builds)(?:/[A-Za-z0-9_~-][A-Za-z0-9._~-]*)*|deployments|costs|repositories|people|audit|settings"
    r"|more)?(?:\?[A-Za-z0-9._~=&%+-]*)?"
    r"|/link/[A-Za-z0-9_-]{1,2000}\.[a-z2-7]{20}"
    r"|/github/link|/github/callback\?[A-Za-z0-9._~=&%+-]{1,2000}"
)
_SESSION = re.compile(r"([0-9a-zA-Z-]{1,64})\.([0-9]{1,12})\.([a-z2-7]{20})")

#: A signature that only this home can make: of a kind, over some words.
Sign = Callable[[str, str], str]


@dataclass(frozen=True, kw_only=True)
class Sessions:
    """Who a browser belongs to."""

    tokens: Tokens
    tasks: Tasks
    clock: Clock
    sign: Sign
    #: whether people reach the pages by https
    secure: bool

    async def visitor(self, request: Request) -> Access | None:
        """Whoever signed in with this browser; None when nobody did, or may not look any more."""
        token = await self._token(request)
        if token is None:
            return None
        person = await self.tasks.get_person(token.person)
        return Access(person=person, scopes=token.scopes, token=token.id)

    async def scopes(self, request: Request) -> frozenset[Scope]:
        """What the access token behind the visit may be used for, and so the visit."""
        token = await self._token(request)
        return frozenset() if token is None else token.scopes

    async def _token(self, request: Request) -> Token | None:
        match = _SESSION.fullmatch(request.cookies.get(self.cookie, ""))
        if match is None:
            return None
        id, until, signature = match.groups()
        now = self.clock()
        if not hmac.compare_digest(signature, self.sign("session", f"{id}.{until}")) or int(until) <= now.timestamp():
            return None
        token = next((one for one in await self.tokens.list() if one.id == id), None)
        return token if token is not None and token.open(now) and Scope.READ in token.scopes else None

    @property
    def cookie(self) -> str:
        """With https the name itself says that no other host or path can have set it."""
        return "__Host-honk" if self.secure else "honk"

    @property
    def _form_cookie(self) -> str:
        return f"{self.cookie}-form"

    async def sign_in_page(self, request: Request) -> Response:
        """The form; or the way back at once for whoever is known already.

        A browser that comes by a link from elsewhere keeps its cookie to itself (SameSite=Strict), so the
        page sends it here a second time: then it comes from here, and shows it.
        """
        back = way_back(request.query_params.get("to", ""))
        if await self.visitor(request) is not None:
            return _away(back)
        from_elsewhere = request.headers.get("sec-fetch-site", "") not in {"none", "same-origin"}
        again = "" if "again" in request.query_params or not from_elsewhere else _again(back)
        return self._form(request, back, again=again)

    def _form(self, request: Request, back: str, *, error: str = "", again: str = "", status: int = 200) -> Response:
        nonce = self.fresh_nonce(request)
        answer = page(request, "sign_in.html", status=status, back=back, error=error, again=again, nonce=nonce)
        self.remember(answer, nonce)
        return answer

    def fresh_nonce(self, request: Request) -> str:
        """The browser's nonce for forms, or a new one for a browser that has none."""
        nonce = self.form_nonce(request)
        return nonce if re.fullmatch(r"[0-9a-f]{32}", nonce) else secrets.token_hex(16)

    def remember(self, answer: Response, nonce: str) -> None:
        """The browser keeps the nonce that the form on this page carries."""
        self._set(answer, self._form_cookie, nonce, None)

    async def filled_in_here(self, request: Request) -> bool:
        """Whether a form was: another site does not know the browser's nonce."""
        return await self.form(request) is not None

    async def form(self, request: Request) -> dict[str, str] | None:
        """The fields of a small form; None of one that was not filled in here."""
        form = await small_form(request)
        return form if self._is_ours(request, form) else None

    def knows(self, request: Request, nonce: str) -> bool:
        """Whether a form with that number was filled in on a page of this browser's."""
        return self._is_ours(request, {"nonce": nonce})

    async def sign_in(self, request: Request) -> Response:
        """Takes the form. One that another site filled in is refused: it does not know the browser's nonce."""
        form = await small_form(request)
        back = way_back(form.get("to", ""))
        if not self._is_ours(request, form):
            said = "This form was not filled in here, or has expired. Please try again."
            return self._form(request, back, error=said, status=403)
        access = await self.tokens.find(form.get("token", "").strip())
        if access is None:
            said = "No such access token: it is mistyped, has expired or was revoked."
            return self._form(request, back, error=said, status=403)
        if Scope.READ not in access.scopes:
            said = "This token is not for looking: it has no scope “read”."
            return self._form(request, back, error=said, status=403)
        until = int((self.clock() + _KEPT).timestamp())
        value = f"{access.token}.{until}.{self.sign('session', f'{access.token}.{until}')}"
        answer = _away(back)
        self._set(answer, self.cookie, value, int(_KEPT.total_seconds()))
        return answer

    async def sign_out(self, request: Request) -> Response:
        """Forgets the browser. Asked by another site it has no effect: the cookies do not come along."""
        form = await small_form(request)
        if not self._is_ours(request, form):
            return _away("/")
        answer = _away("/sign-in")
        self._set(answer, self.cookie, "", 0)
        return answer

    def form_nonce(self, request: Request) -> str:
        """What a form carries; "" for a browser that has none."""
        return request.cookies.get(self._form_cookie, "")

    def _is_ours(self, request: Request, form: dict[str, str]) -> bool:
        nonce = request.cookies.get(self._form_cookie, "")
        same = request.headers.get("sec-fetch-site", "same-origin") == "same-origin"
        shown = form.get("nonce", "")
        known = is_masked(nonce, shown) or hmac.compare_digest(nonce.encode(), shown.encode())
        return same and len(nonce) == 32 and known

    def _set(self, answer: Response, name: str, value: str, seconds: int | None) -> None:
        answer.set_cookie(name, value, max_age=seconds, path="/", secure=self.secure, httponly=True, samesite="strict")


def way_back(to: str) -> str:
    """Where to go after signing in: the page that was wanted, or the first one."""
    return to if _WAY_BACK.fullmatch(to) else "/"


def to_sign_in(request: Request) -> Response:
    """Sends a browser to the form, and back afterwards."""
    path = request.url.path + (f"?{request.url.query}" if request.url.query else "")
    return _away(f"/sign-in?to={quote(way_back(path), safe='')}")


def _again(back: str) -> str:
    return f"/sign-in?again=1&to={quote(back, safe='')}"


def _away(to: str) -> Response:
    return RedirectResponse(to, status_code=303, headers=HEADERS)


async def small_form(request: Request) -> dict[str, str]:
    """The fields of a small form; nothing of a large or strange one."""
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > _FORM_LIMIT:
            return {}
    try:
        fields = parse_qs(body.decode("utf-8", "replace"), max_num_fields=10)
    except ValueError:  # more fields than that
        return {}
    return {name: values[0] for name, values in fields.items()}

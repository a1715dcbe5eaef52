"""Signing in, and knowing the browser again.

The cookie is no token: it is a random number that opens nothing but pages, and a visit is a row of the store, so that
it can be listed and ended. A visit may do what that may do by which somebody signed in; one that began with an access
token ends with it.
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

from honk.domain.access import Scope
from honk.domain.person import Person
from honk.domain.visit import Came, Visit, device_of
from honk.doors.web.attempts import Attempts, names_of
from honk.doors.web.compressing import is_masked
from honk.doors.web.rendering import HEADERS, page
from honk.ports import Access, Clock, Entrance, Tokens

#: for how long a browser is known again
_KEPT = timedelta(days=30)
#: a visit is noted to have been here no oftener
_SEEN = timedelta(minutes=5)
#: a form larger than this is not ours
_FORM_LIMIT = 4096
#: of a form that carries what a passkey says
ANSWER_LIMIT = 32_768
#: Where somebody may be sent after signing in: a path of Honk's own pages, never another server.
_WAY_BACK = re.compile(
    r"/(?:ask|(?:tasks|builds)(?:/[A-Za-z0-9_~-][A-Za-z0-9._~-]*)*|deployments|costs|repositories|people|audit|settings"
    r"|more|devices)?(?:\?[A-Za-z0-9._~=&%+-]*)?"
    r"|/link/[A-Za-z0-9_-]{1,2000}\.[a-z2-7]{20}"
    r"|/github/link|/github/callback\?[A-Za-z0-9._~=&%+-]{1,2000}"
)
_SECRET = re.compile(r"[A-Za-z0-9_-]{43}")

NOT_OURS = "This form was not filled in here, or has expired. Please try again."
_TOO_MANY = "Too many attempts to sign in. Please try again in"

#: A signature that only this home can make: of a kind, over some words.
Sign = Callable[[str, str], str]


@dataclass(frozen=True, kw_only=True)
class Sessions:
    """Who a browser belongs to."""

    tokens: Tokens
    entrance: Entrance
    attempts: Attempts
    clock: Clock
    #: whether people reach the pages by https
    secure: bool
    #: names and titles of the providers that say who somebody is
    providers: tuple[tuple[str, str], ...] = ()
    #: the origin at which passkeys work; "" where they do nowhere
    passkeys_at: Callable[[], str] = str

    async def visitor(self, request: Request) -> Access | None:
        """Whoever signed in with this browser; None when nobody did, or may not look any more."""
        found = await self._known(request)
        if found is None:
            return None
        visit, person = found
        return Access(person=person, scopes=visit.scopes, token=visit.token or visit.id)

    async def visit(self, request: Request) -> Visit | None:
        """This browser's; None when nobody signed in."""
        found = await self._known(request)
        return None if found is None else found[0]

    async def still(self, request: Request) -> bool:
        """Whether the visit goes on, for who answers for longer than a moment: it is looked up anew."""
        return await self._find(request) is not None

    async def scopes(self, request: Request) -> frozenset[Scope]:
        """What the visit may be used for."""
        visit = await self.visit(request)
        return frozenset() if visit is None else visit.scopes

    async def begin(self, request: Request, answer: Response, came: Came) -> None:
        """The browser is theirs from now on. What it showed before, whoever put it there, is worth nothing any more."""
        if (before := await self._known(request)) is not None:
            await self.entrance.visits.end(before[1].id, before[0].id)
        now, secret = self.clock(), secrets.token_urlsafe(32)
        visit = Visit(
            id=secrets.token_hex(8),
            person=came.person.id,
            scopes=came.scopes,
            way=came.way,
            token=came.token,
            device=device_of(request.headers.get("user-agent", "")),
            began_at=now,
            seen_at=now,
            until=now + _KEPT,
        )
        await self.entrance.visits.begin(visit, secret)
        self._set(answer, self.cookie, secret, int(_KEPT.total_seconds()))
        self.remember(answer, secrets.token_hex(16))

    def forget(self, answer: Response) -> None:
        """The browser shows nothing any more."""
        self._set(answer, self.cookie, "", 0)

    async def _known(self, request: Request) -> tuple[Visit, Person] | None:
        """Looked up once for each request."""
        if not hasattr(request.state, "known"):
            request.state.known = await self._find(request)
        found: tuple[Visit, Person] | None = request.state.known
        return found

    async def _find(self, request: Request) -> tuple[Visit, Person] | None:
        secret = request.cookies.get(self.cookie, "")
        found = await self.entrance.visits.find(secret) if _SECRET.fullmatch(secret) else None
        if found is None or Scope.READ not in found[0].scopes:
            return None
        if self.clock() - found[0].seen_at >= _SEEN:
            await self.entrance.visits.seen(found[0].id)
        return found

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
            return away(back)
        from_elsewhere = request.headers.get("sec-fetch-site", "") not in {"none", "same-origin"}
        again = "" if "again" in request.query_params or not from_elsewhere else _again(back)
        return self._form(request, back, again=again)

    def refused(self, request: Request, back: str, error: str, *, wait: int = 0) -> Response:
        """The form again, with the reason; `wait` seconds after too many attempts."""
        if not wait:
            return self._form(request, back, error=error, status=403)
        answer = self._form(request, back, error=f"{_TOO_MANY} {_minutes(wait)}.", status=429)
        answer.headers["Retry-After"] = str(wait)
        return answer

    def _form(self, request: Request, back: str, *, error: str = "", again: str = "", status: int = 200) -> Response:
        nonce = self.fresh_nonce(request)
        answer = page(
            request,
            "sign_in.html",
            status=status,
            back=back,
            error=error,
            again=again,
            nonce=nonce,
            providers=self.providers,
            passkeys_at=self.passkeys_at(),
        )
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

    async def form(self, request: Request, limit: int = _FORM_LIMIT) -> dict[str, str] | None:
        """The fields of a small form; None of one that was not filled in here."""
        form = await small_form(request, limit)
        return form if self._is_ours(request, form) else None

    def knows(self, request: Request, nonce: str) -> bool:
        """Whether a form with that number was filled in on a page of this browser's."""
        return self._is_ours(request, {"nonce": nonce})

    async def sign_in(self, request: Request) -> Response:
        """Takes the form. One that another site filled in is refused: it does not know the browser's nonce."""
        form = await small_form(request)
        back = way_back(form.get("to", ""))
        if not self._is_ours(request, form):
            return self.refused(request, back, NOT_OURS)
        tried = form.get("token", "").strip()
        names = names_of(request, "token", tried)
        if wait := self.attempts.begin(*names):
            return self.refused(request, back, "", wait=wait)
        access = await self.tokens.find(tried)
        if access is None:
            return self.refused(request, back, "No such access token: it is mistyped, has expired or was revoked.")
        self.attempts.right(*names)
        if Scope.READ not in access.scopes:
            return self.refused(request, back, "This token is not for looking: it has no scope “read”.")
        answer = away(back)
        came = Came(person=access.person, scopes=access.scopes, way="token", token=access.token)
        await self.begin(request, answer, came)
        return answer

    async def sign_out(self, request: Request) -> Response:
        """Ends the visit. Asked by another site it has no effect: the cookies do not come along."""
        form = await small_form(request)
        if not self._is_ours(request, form):
            return away("/")
        if (known := await self._known(request)) is not None:
            await self.entrance.visits.end(known[1].id, known[0].id)
        answer = away("/sign-in")
        self.forget(answer)
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
    return away(f"/sign-in?to={quote(way_back(path), safe='')}")


def _again(back: str) -> str:
    return f"/sign-in?again=1&to={quote(back, safe='')}"


def away(to: str) -> Response:
    """Sends the browser to a path of our own."""
    return RedirectResponse(to, status_code=303, headers=HEADERS)


def _minutes(seconds: int) -> str:
    return f"{seconds} seconds" if seconds < 60 else f"{-(-seconds // 60)} minutes"


async def small_form(request: Request, limit: int = _FORM_LIMIT) -> dict[str, str]:
    """The fields of a small form; nothing of a large or strange one."""
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > limit:
            return {}
    try:
        fields = parse_qs(body.decode("utf-8", "replace"), max_num_fields=10)
    except ValueError:  # more fields than that
        return {}
    return {name: values[0] for name, values in fields.items()}

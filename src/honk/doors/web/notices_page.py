"""What a person is told without a page: how much, on which devices, and what they press there.

    POST /notices                    how much, and when by mail
    POST /notices/devices            this browser shows notices from now on; again: for longer
    POST /notices/devices/remove     one of the person's devices shows none any more
    POST /notices/press              a button of a notice, sent by the service worker
    /notices/no-mail/<person>.<seal> in each letter: ends the mail, and nothing else

A press acts for whoever is signed in with the browser, and only on what the seal says. Pressed twice, it acts once.
"""

import hashlib
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import timedelta
from weakref import WeakValueDictionary

import anyio
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response

from honk.domain.access import Scope
from honk.domain.notice import ByMail, Deed, Device, Level, Wish
from honk.domain.person import IdentityKind, Person
from honk.domain.task import TaskId
from honk.doors.web.acting import VERBS
from honk.doors.web.forms import Form, sent_from_here
from honk.doors.web.possible import must_have
from honk.doors.web.rendering import HEADERS, page, problem
from honk.doors.web.signing_in import Sessions, small_form
from honk.errors import HonkError, NotAllowed, NotNow, Retryable, Usage
from honk.ports import Devices, Preferences, Push
from honk.service import Local, once
from honk.service.noticing import Press, Sign, end_mail, ends_mail, keep_wish, press_of, wish_of

#: for how long a device shows notices without being seen: as long as its visit may last
_SHOWS = timedelta(days=30)
_KEY, _SECRET = re.compile(r"[A-Za-z0-9_-]{87}"), re.compile(r"[A-Za-z0-9_-]{22}")
_DEVICE = re.compile(r"[0-9a-f]{32}")
#: how devices are called, by what their browsers say of themselves; the first that fits
_SYSTEMS = (("iPhone", "iPhone"), ("iPad", "iPad"), ("Android", "Android"), ("Windows", "Windows"), ("Mac OS", "a Mac"))
_BROWSERS = (("Edg", "Edge"), ("Firefox", "Firefox"), ("Chrome", "Chrome"), ("Safari", "Safari"))
#: What each deed needs of a form of `acting`.
_FIELD = {Deed.ANSWER: "seq", Deed.GO: "plan", Deed.STOP: "turn"}


@dataclass(frozen=True, kw_only=True, slots=True)
class Noticing:
    """What the house has for telling people."""

    devices: Devices
    push: Push
    sign: Sign
    #: whether there is a mail server
    mail: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Told:
    """What the Settings page shows of it."""

    wish: Wish
    devices: tuple[Device, ...]
    #: of this browser's device; "" where it is none
    here: str
    #: with which a browser subscribes
    key: str
    #: where mail goes; "" for nowhere
    address: str
    #: why none goes anywhere
    no_mail: str
    levels: tuple[Level, ...] = tuple(Level)
    by_mail: tuple[ByMail, ...] = tuple(ByMail)


@dataclass(frozen=True, kw_only=True)
class NoticesPage:
    """Whose notices these are is said by the visit, never by a field of a form."""

    sessions: Sessions
    preferences: Preferences
    noticing: Noticing
    #: presses at work, by their ids: the second waits for the first
    _at_work: WeakValueDictionary[str, anyio.Lock] = field(default_factory=WeakValueDictionary)

    async def told(self, request: Request, person: Person) -> Told:
        """For the Settings page."""
        address = person.identity(IdentityKind.MAIL) or ""
        no_mail = "" if self.noticing.mail else "No mail server is set in honk.toml."
        if not no_mail and not address:
            no_mail = "honk.toml says no address of yours ([people])."
        visits = {one.id for one in await self.sessions.entrance.visits.of(person.id)}
        return Told(
            wish=await wish_of(self.preferences, person.id),
            devices=tuple(one for one in await self.noticing.devices.of(person.id) if one.visit in visits),
            here=request.cookies.get(self._cookie, ""),
            key=self.noticing.push.key(),
            address=address,
            no_mail=no_mail,
        )

    async def choose(self, request: Request, service: Local) -> Response:
        """Keeps what the person wants."""
        form = await self.sessions.form(request)
        if form is None:
            return _not_ours(request)
        level, by_mail = form.get("level", ""), form.get("mail", "")
        if level not in set(Level) or by_mail not in set(ByMail):
            return problem(request, 400, "Nothing was changed", "The form is not complete.", "Load the page again.")
        wish = Wish(level=Level(level), by_mail=ByMail(by_mail))
        await keep_wish(self.preferences, service.person.id, wish)
        return RedirectResponse("/settings?kept=notices#notices", status_code=303, headers=HEADERS)

    async def add(self, request: Request, service: Local) -> Response:
        """The browser's subscription; the answer says what is in the way."""
        form, visit = await self.sessions.form(request), await self.sessions.visit(request)
        if form is None or visit is None:
            return _said(403, "This was not sent by a page of Honk's. Load the page again.")
        endpoint, p256dh, auth = (form.get(name, "").rstrip("=") for name in ("endpoint", "p256dh", "auth"))
        if not _KEY.fullmatch(p256dh) or not _SECRET.fullmatch(auth):
            return _said(400, "The browser gave no usable keys.")
        if form.get("sender", "") not in {"", self.noticing.push.key()}:
            return _said(400, "The browser subscribed to another Honk. Please try once more.")
        if refusal := await self.noticing.push.refusal(endpoint):
            return _said(400, refusal)
        now = service.app.ports.clock()
        device = Device(
            id=hashlib.sha256(endpoint.encode()).hexdigest()[:32],
            person=service.person.id,
            label=_label(request.headers.get("user-agent", "")),
            endpoint=endpoint,
            p256dh=p256dh,
            auth=auth,
            visit=visit.id,
            at=now,
            until=now + _SHOWS,
        )
        await self.noticing.devices.add(device)
        answer = _said(200, "Notices are shown on this device.")
        self._remember(answer, device.id, int(_SHOWS.total_seconds()))
        return answer

    async def remove(self, request: Request, service: Local) -> Response:
        """Removed already, or somebody else's: no effect."""
        form = await self.sessions.form(request)
        if form is None:
            return _not_ours(request)
        await self.noticing.devices.remove(form.get("device", ""), service.person.id)
        return RedirectResponse("/settings?kept=notices#notices", status_code=303, headers=HEADERS)

    async def signed_out(self, request: Request, answer: Response) -> None:
        """The browser shows nothing more, and keeps nothing: not even the worker."""
        device = request.cookies.get(self._cookie, "")
        if _DEVICE.fullmatch(device):
            await self.noticing.devices.remove(device)
        self._remember(answer, "", 0)
        answer.headers["Clear-Site-Data"] = '"cache", "storage"'

    async def press(self, request: Request, service: Local) -> Response:
        """Does it, and says what came of it in a sentence for the next notice."""
        try:
            sent_from_here(request, service)
            form = await _fields(request)
            pressed = press_of(form, service.app.ports.clock(), self.noticing.sign)
            if pressed.person != service.person.id:
                raise NotAllowed("this notice is for somebody else", "sign in as the one that it is for")
            must_have(service, Scope.STEER)
            said = await self._once(service, pressed)
        except HonkError as error:
            return _said(_status(error), error.message, page=_page_of(request))
        return _said(200, said, page=f"/tasks/{pressed.task}")

    async def _once(self, service: Local, pressed: Press) -> str:
        """The first press of a question counts, whichever answer it gives."""
        key = once.request_id("push", service.person.id, f"{pressed.task}/{pressed.deed}", pressed.of)
        records = service.app.ports.records
        lock = self._at_work.setdefault(key, anyio.Lock())
        async with lock:
            before = await records.cached(f"press/{key}")
            if before is not None:
                choice, _, said = before.partition(" ")
                if choice != str(pressed.choice):
                    raise NotNow(f"this was answered already: {said}", "open the page to say something else")
                return said
            said = await self._do(service, pressed, key)
            await records.cache(f"press/{key}", f"{pressed.choice} {said}")
            return said

    async def _do(self, service: Local, pressed: Press, id: str) -> str:
        task = await service.find(pressed.task)
        form = Form(fields={_FIELD[pressed.deed]: pressed.of, "choice": str(pressed.choice)})
        await VERBS[pressed.deed].does(service, task, form, id)
        return {Deed.ANSWER: "The agent has your answer", Deed.GO: "The plan is carried out", Deed.STOP: "It stops"}[
            pressed.deed
        ]

    async def no_mail(self, request: Request) -> Response:
        """GET asks, POST ends it: also one that a mail program sends by itself (RFC 8058)."""
        person = ends_mail(request.path_params["token"], self.noticing.sign)
        if person is None:
            return problem(request, 404, "There is nothing here", "The address is not complete, or is mistyped.")
        if request.method == "POST":
            await end_mail(self.preferences, person)
        return page(request, "no_mail.html", ended=request.method == "POST", path=request.url.path)

    @property
    def _cookie(self) -> str:
        return f"{self.sessions.cookie}-device"

    def _remember(self, answer: Response, id: str, seconds: int) -> None:
        answer.set_cookie(
            self._cookie,
            id,
            max_age=seconds,
            path="/",
            secure=self.sessions.secure,
            httponly=True,
            samesite="strict",
        )


def leaving(notices: NoticesPage | None) -> Callable[[Request, Response], Awaitable[None]]:
    """What else is said to a browser whose visit was ended by its own press."""

    async def nothing(_: Request, __: Response) -> None:
        return None

    return nothing if notices is None else notices.signed_out


def signing_out(sessions: Sessions, notices: NoticesPage | None) -> Callable[[Request], Awaitable[Response]]:
    """Signs out, and with that ends what the browser shows and keeps."""

    async def answer(request: Request) -> Response:
        known = await sessions.visitor(request) is not None
        out = await sessions.sign_out(request)
        if known and notices is not None and out.headers.get("location") == "/sign-in":
            await notices.signed_out(request, out)
        return out

    return answer


async def _fields(request: Request) -> dict[str, str]:
    """The small form that the worker sends. Raises Usage."""
    found = await small_form(request)
    if not found:
        raise Usage("this press is not complete", "open the page")
    request.state.pressed_task = found.get("task", "")
    return found


def _page_of(request: Request) -> str:
    task = getattr(request.state, "pressed_task", "")
    return f"/tasks/{TaskId(task)}" if re.fullmatch(r"[A-Za-z0-9_-]{1,100}", task) else "/"


def _status(error: HonkError) -> int:
    for kind, status in ((NotNow, 409), (NotAllowed, 403), (Usage, 400), (Retryable, 503)):
        if isinstance(error, kind):
            return status
    return 422


def _said(status: int, words: str, *, page: str = "/settings") -> Response:
    return JSONResponse({"said": words, "page": page}, status_code=status, headers=HEADERS)


def _not_ours(request: Request) -> Response:
    remedy = "Go back, load the page again, and try once more."
    return problem(request, 403, "Nothing was changed", "This form was not filled in here.", remedy)


def _label(agent: str) -> str:
    """Such as "Chrome on Android"; what a browser says of itself is not shown."""
    system = next((name for sign, name in _SYSTEMS if sign in agent), "a computer")
    browser = next((name for sign, name in _BROWSERS if sign in agent), "A browser")
    return f"{browser} on {system}"

"""Honk's own pages: complete without JavaScript, at addresses that stay.

    /                              what waits for me, my tasks and everybody's; a search, and saved ones
    /builds, /deployments          new versions, newest first; what is live where
    /costs, /repositories, /people, /audit, /settings, /more    see `overview`
    /tasks/<id>                    one task: what was asked, how it stands, what happened, what can be done
    /tasks/<id>/live, POST …/seen  what comes of it, as a stream; up to where it was read
    /tasks/<id>/pull-request       verdict with evidence, proof, text, difference; …/file, …/picture: parts of it
    /tasks/<id>/build, /builds/<id>    the build; POST …/end-links ends the links to it
    /builds/<id>/try               a web build in a frame, and what is wrong in it (`frame_page`)
    /b/<build>/<kind>/<seal>/…     an app for a phone that is not signed in (`install_page`)
    /tasks/<id>/log, …/patch, …/files/<digest>     attachments
    /ask                           a new task
    /tasks/<id>/merge, …/undo …    what comes of it, before it is pressed
    /tasks/<id>/reply, …           what is done to a task: see `acting`; GET leads to the task
    /link/<token>                  who of a chat acts in the visitor's name, if they agree
    /github/link, …/callback, …/unlink    the visitor's own account at GitHub, where the app can act for people
    /notices, /notices/…           what a person is told without a page: see `notices_page`
    /manifest.webmanifest, /sw.js, /offline    the pages as an app: see `pwa`
    /views, /views/rename, /views/remove    searches that a person keeps
    /devices                       browsers that are signed in, and passkeys: see `devices_page`
    /sign-in, /sign-in/…, /sign-out    see `signing_in` and `entering_pages`

GET changes nothing but for a provider's answer; what acts is a POST of a form that a page of this browser's carried.
Whoever asks is known by the cookie of `signing_in`, and may do what that may by which they signed in.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

import structlog
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute, Route

from honk.domain.task import Task
from honk.doors.web import (
    attachments,
    build_page,
    devices_page,
    entering_pages,
    file_page,
    frame_page,
    github_page,
    install_page,
    linking_page,
    merge_page,
    pull_request_page,
)
from honk.doors.web.acting import NOT_REFUSED, VERBS, Acting
from honk.doors.web.ask_page import AskPage
from honk.doors.web.home_page import HomePage
from honk.doors.web.live_page import LivePage
from honk.doors.web.notices_page import NoticesPage, leaving, signing_out
from honk.doors.web.overview import Known, overview
from honk.doors.web.presence import Presence
from honk.doors.web.pwa import pwa_routes
from honk.doors.web.reading import Readings
from honk.doors.web.rendering import HEADERS, problem, static_file
from honk.doors.web.saved_views import SavedViews
from honk.doors.web.signing_in import Sessions, to_sign_in
from honk.doors.web.task_page import TaskPage as OneTask
from honk.errors import HonkError, MachineInTrouble, NotAllowed, Retryable, Usage
from honk.ports import Access
from honk.service import Local
from honk.service.app_servers import Servers
from honk.service.entering import Entering
from honk.service.linking import Linking

_log = structlog.get_logger()

#: What the visitor may ask of this Honk.
ServiceOf = Callable[[Access], Local]
Page = Callable[[Request, Local], Awaitable[Response]]
TaskPage = Callable[[Request, Local, Task], Awaitable[Response]]


@dataclass(frozen=True, kw_only=True)
class Hall:
    """What pages need of the house."""

    sessions: Sessions
    service: ServiceOf
    linking: Linking
    entering: Entering
    known: Known
    #: the address of one of Honk's own pages
    address: Callable[[str], str | None] = field(default=lambda path: path)
    #: whether the server has been told to end
    closing: Callable[[], bool] = field(default=lambda: False)
    #: people's own accounts at GitHub, where Honk can act for people
    github: github_page.GithubPage | None = None
    #: what signed links to apps open
    install: install_page.InstallPage | None = None
    #: the apps' own servers, where they are run
    servers: Servers | None = None


def pages(hall: Hall) -> list[BaseRoute]:
    """The routes of every page."""
    notices = hall.known.notices(hall.sessions)

    def shown(path: str, page: Page) -> Route:
        return Route(path, _guarded(hall, page), methods=["GET"])

    def of_task(path: str, page: TaskPage) -> Route:
        return shown(f"/tasks/{{task}}{path}", _with_task(page))

    readings = Readings(sessions=hall.sessions, preferences=hall.known.preferences)
    one = OneTask(readings=readings, presence=Presence())
    live = LivePage(sessions=hall.sessions, pages=one)
    return [
        *_home(hall),
        of_task("", one.task),
        of_task("/live", live.live),
        Route("/tasks/{task}/seen", _guarded(hall, _with_task(readings.seen)), methods=["POST"]),
        of_task("/pull-request", pull_request_page.pull_request),
        of_task("/pull-request/file", file_page.file),
        of_task("/pull-request/picture", file_page.picture),
        of_task("/build", build_page.of_task),
        of_task("/log", attachments.log),
        of_task("/patch", attachments.patch),
        of_task("/files/{digest}", attachments.file),
        shown("/builds/{build}", build_page.build),
        *_acting(hall, one.task),
        *_trying(hall),
        *_installing(hall),
        *(
            shown(path, page)
            for path, page in overview(hall.sessions, hall.known, notices, github=hall.github is not None)
        ),
        *_notices(hall, notices),
        *pwa_routes(),
        *_linking(hall),
        *_github(hall),
        *_entering(hall, notices),
        Route("/sign-in", _safe(hall.sessions.sign_in_page), methods=["GET"]),
        Route("/sign-in", _safe(hall.sessions.sign_in), methods=["POST"]),
        Route("/sign-out", _safe(signing_out(hall.sessions, notices)), methods=["POST"]),
        Route("/static/{version}/{name}", _static, methods=["GET"]),
    ]


def nowhere(request: Request) -> Response:
    """The page for an address that is none."""
    return problem(request, 404, "There is no such page", "The address is not complete, or is mistyped.")


async def _static(request: Request) -> Response:
    return static_file(request, request.path_params["name"]) or nowhere(request)


def _acting(hall: Hall, task: TaskPage) -> tuple[Route, ...]:
    """GET shows what a POST will do; where it is done from the task's page, GET leads there, as after signing in."""
    acting = Acting(sessions=hall.sessions, closing=hall.closing)
    asks = AskPage(acting=acting)
    before = {
        "merge": merge_page.merge,
        "approve": merge_page.merge,
        "promote": merge_page.promote,
        "undo": merge_page.undo,
    }

    def posted(verb: str) -> TaskPage:
        shows = before.get(verb, task)

        async def answer(request: Request, service: Local, found: Task) -> Response:
            return await acting.on_task(request, service, found, verb, lambda: shows(request, service, found))

        return answer

    async def there(request: Request, _: Local, found: Task) -> Response:
        return RedirectResponse(f"/tasks/{found.id}", status_code=303, headers=HEADERS)

    return (
        Route("/ask", _guarded(hall, asks.ask), methods=["GET"]),
        Route("/ask", _guarded(hall, asks.asked), methods=["POST"]),
        *(
            Route(f"/tasks/{{task}}/{verb}", _guarded(hall, _with_task(page)), methods=[method])
            for verb in VERBS
            for method, page in (("GET", before.get(verb, there)), ("POST", posted(verb)))
        ),
    )


def _trying(hall: Hall) -> tuple[Route, ...]:
    """A preview in a frame; what is said about it is a reply."""
    acting = Acting(sessions=hall.sessions, closing=hall.closing)
    framed = frame_page.FramePage(acting=acting, servers=hall.servers)
    return (
        Route("/builds/{build}/try", _guarded(hall, framed.shown), methods=["GET"]),
        Route("/builds/{build}/try", _guarded(hall, framed.sent), methods=["POST"]),
    )


def _installing(hall: Hall) -> tuple[Route, ...]:
    """Signed links open without signing in; whoever signed in may end them."""

    async def end(request: Request, service: Local) -> Response:
        return await build_page.end_links(request, service, hall.sessions)

    ending = Route("/builds/{build}/end-links", _guarded(hall, end), methods=["POST"])
    if hall.install is None:
        return (ending,)
    return (
        ending,
        Route(install_page.PATH, _safe(hall.install.answer), methods=["GET"]),
        Route(install_page.PATH, _safe(hall.install.told), methods=["POST"]),
    )


def _notices(hall: Hall, page: NoticesPage | None) -> tuple[Route, ...]:
    """A letter's link ends that mail without signing in."""
    if page is None:
        return ()
    return (
        Route("/notices", _guarded(hall, page.choose), methods=["POST"]),
        Route("/notices/devices", _guarded(hall, page.add), methods=["POST"]),
        Route("/notices/devices/remove", _guarded(hall, page.remove), methods=["POST"]),
        Route("/notices/press", _guarded(hall, page.press), methods=["POST"]),
        Route("/notices/no-mail/{token}", _safe(page.no_mail), methods=["GET", "POST"]),
    )


def _home(hall: Hall) -> tuple[Route, ...]:
    """The list of tasks, and the searches that people keep."""
    views = SavedViews(sessions=hall.sessions, preferences=hall.known.preferences)
    home = HomePage(sessions=hall.sessions, views=views)
    return (
        Route("/", _guarded(hall, home.home), methods=["GET"]),
        Route("/tasks", _guarded(hall, home.home), methods=["GET"]),
        Route("/views", _guarded(hall, views.save), methods=["POST"]),
        Route("/views/rename", _guarded(hall, views.rename), methods=["POST"]),
        Route("/views/remove", _guarded(hall, views.remove), methods=["POST"]),
    )


def _linking(hall: Hall) -> tuple[Route, ...]:
    """GET shows who would act as whom, POST agrees."""
    page = linking_page.LinkingPage(sessions=hall.sessions, linking=hall.linking)
    return (
        Route("/link/{token}", _guarded(hall, page.ask), methods=["GET"]),
        Route("/link/{token}", _guarded(hall, page.agree), methods=["POST"]),
    )


def _entering(hall: Hall, notices: NoticesPage | None) -> tuple[Route, ...]:
    """The ways in for who is not known yet, and what everybody may end."""
    ways = entering_pages.EnteringPages(sessions=hall.sessions, entering=hall.entering, address=hall.address)
    mine = devices_page.DevicesPage(sessions=hall.sessions, entering=hall.entering, leaving=leaving(notices))
    return (
        *(Route(path, _safe(page), methods=[method]) for method, path, page in ways.pages()),
        *(Route(path, _guarded(hall, page), methods=[method]) for method, path, page in mine.pages()),
    )


def _github(hall: Hall) -> tuple[Route, ...]:
    """GitHub's answer comes by GET, and counts for the browser alone that was sent for it."""
    if (page := hall.github) is None:
        return ()
    return (
        Route(github_page.LINK, _guarded(hall, page.link), methods=["GET"]),
        Route(github_page.CALLBACK, _guarded(hall, page.callback), methods=["GET"]),
        Route(github_page.UNLINK, _guarded(hall, page.unlink), methods=["POST"]),
    )


def _guarded(hall: Hall, page: Page) -> Callable[[Request], Awaitable[Response]]:
    """The page for those who signed in; the form for others."""

    async def answer(request: Request) -> Response:
        if _embedded(request):
            return problem(request, 403, "Not from here", "Honk's pages are not part of other pages.")
        visitor = await hall.sessions.visitor(request)
        if visitor is None:
            return to_sign_in(request)
        request.state.person, request.state.visitor = visitor.person.name, visitor.person
        request.state.access = visitor
        request.state.nonce = hall.sessions.fresh_nonce(request)
        request.state.refused = NOT_REFUSED
        shown = await page(request, hall.service(visitor))
        if request.state.nonce != hall.sessions.form_nonce(request):
            hall.sessions.remember(shown, request.state.nonce)
        return shown

    return _safe(answer)


def _embedded(request: Request) -> bool:
    """Whether another site asks, other than by a link that a person follows."""
    headers = request.headers
    elsewhere = headers.get("sec-fetch-site", "none") not in {"none", "same-origin"}
    # "empty": Honk's own service worker hands on what a person follows; of a frame it hands nothing on
    shown = headers.get("sec-fetch-dest") in {"document", "empty"}
    followed = headers.get("sec-fetch-mode") == "navigate" and shown
    return elsewhere and not followed


def _with_task(page: TaskPage) -> Page:
    """The page of a task. The beginning of an id leads to the whole one, so that there is one address."""

    async def answer(request: Request, service: Local) -> Response:
        named = request.path_params["task"]
        task = await service.find(named)
        if task.id != named:
            rest = request.url.path.removeprefix(f"/tasks/{named}")
            query = f"?{request.url.query}" if request.url.query else ""
            return RedirectResponse(f"/tasks/{task.id}{rest}{query}", status_code=307, headers=HEADERS)
        return await page(request, service, task)

    return answer


def _safe(page: Callable[[Request], Awaitable[Response]]) -> Callable[[Request], Awaitable[Response]]:
    """What went wrong, as a page; the door's boundary for errors."""

    async def answer(request: Request) -> Response:
        try:
            return await page(request)
        except NotAllowed as error:
            return problem(request, 403, "You may not see this", error.message, error.remedy)
        except Usage as error:
            return problem(request, 404, "There is nothing here", error.message, error.remedy)
        except (Retryable, MachineInTrouble) as error:
            return problem(request, 503, "Not now", error.message, error.remedy)
        except HonkError as error:
            return problem(request, 500, "This cannot be shown", error.message, error.remedy)
        except Exception:  # noqa: BLE001 - the door's boundary: a visitor sees a page, the operator the log
            _log.exception("a page broke off", path=request.url.path)
            return problem(request, 500, "Something went wrong", "It is a defect of Honk; its log says more.")

    return answer

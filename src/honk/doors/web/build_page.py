"""`/builds/<id>` and `/tasks/<id>/build`: the new version, how to get or see it, or why there is none."""

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from honk.domain.access import Scope
from honk.domain.build import Build
from honk.domain.event import BuildFailed, Event
from honk.domain.task import BUSY, Task
from honk.domain.verdict import Answer
from honk.doors.web.offers import offer, qr_code, tried, ways
from honk.doors.web.rendering import HEADERS, page, problem
from honk.doors.web.signing_in import Sessions
from honk.errors import Unknown
from honk.service import Local
from honk.views import Card


async def build(request: Request, service: Local) -> Response:
    """One build, at the address that it keeps."""
    made = await found_build(request, service)
    return await _page(request, service, await service.find(made.task), made)


async def end_links(request: Request, service: Local, sessions: Sessions) -> Response:
    """Takes the form that ends the links to a build."""
    made = await found_build(request, service)
    if not await sessions.filled_in_here(request):
        return problem(request, 403, "Nothing was done", "This form was not filled in here. Please try again.")
    if Scope.STEER not in await sessions.scopes(request):
        said = f"What you signed in with is not for {Scope.STEER.value}."
        return problem(request, 403, "Nothing was done", said, "honk token create makes one that is")
    await service.app.end_links(service.person, await service.find(made.task), made)
    return RedirectResponse(f"/builds/{made.id}", status_code=303, headers=HEADERS)


async def found_build(request: Request, service: Local) -> Build:
    """The build that the address names. Raises Unknown."""
    made = await service.app.ports.records.find_build(request.path_params["build"])
    if made is None:
        raise Unknown("There is no build with this id.", "Take the link from its task again.")
    return made


async def of_task(request: Request, service: Local, found: Task) -> Response:
    """The latest build of a task."""
    return await _page(request, service, found, await service.app.ports.records.build(found.id))


async def _page(request: Request, service: Local, task: Task, made: Build | None) -> Response:
    ports = service.app.ports
    card = await service.card(task.id)
    log = await service.events(task.id, limit=100_000)
    kept = made is not None and ports.artifacts.path(made.digest).is_file()
    link = await ports.previews.show(made) if made is not None and kept and made.kind == "web" else None
    hint = ports.previews.hint()
    return page(
        request,
        "build.html",
        visit=request.state,
        card=card,
        task=task,
        build=made,
        kept=kept,
        pictures=_pictures(service, made),
        film=made.film if made is not None and made.film and ports.artifacts.path(made.film).is_file() else "",
        link=link,
        hint=hint,
        code=qr_code(link) if link and not hint else None,
        offer=await offer(made, task, request.headers.get("user-agent", ""), ports=ports) if made else None,
        ways=await ways(made, ports=ports) if made else (),
        tried=tried(log) if made else "",
        older=made is not None and card.build is not None and made.id != card.build.id,
        failed=_failed(log) if made is None else None,
        reason=_reason(card, log, made),
        busy=task.state in BUSY,
    )


def _pictures(service: Local, made: Build | None) -> list[tuple[str, str]]:
    """Screenshots that are kept: which they are, and their digests."""
    taken = [("before", made.before), ("after", made.after)] if made is not None else []
    path = service.app.ports.artifacts.path
    return [(name, digest) for name, digest in taken if digest and path(digest).is_file()]


def _failed(log: tuple[Event, ...]) -> BuildFailed | None:
    latest = max((event.turn for event in log), default=0)
    found = [event.data for event in log if isinstance(event.data, BuildFailed) and event.turn in {0, latest}]
    return found[-1] if found else None


def _reason(card: Card, log: tuple[Event, ...], made: Build | None) -> str:
    """Why there is no build, or why it cannot be seen; "" where it can."""
    if made is not None:
        gone = [line for line in card.deleted if "artifacts" in line]
        return f"Its files were {gone[-1]}" if gone else "Its files are no longer kept."
    if _failed(log) is not None:
        return "The build failed."
    if card.task.state in BUSY:
        return "There is no build yet: the task is still at work."
    if card.verdict is None:
        return "There is no build: nothing was changed that could be built."
    if card.verdict.answer is Answer.FAIL:
        return "There is no build: a change that the gate refused is not built."
    return "There is no build: the repository's .honk.toml has no [build] on the base branch."

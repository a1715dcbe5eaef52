"""Routes that only look."""

import re
from dataclasses import dataclass
from typing import Annotated, Any
from urllib.parse import quote

from fastapi import APIRouter, Header, Path, Query, Response
from fastapi.responses import FileResponse

from honk.domain.codec import event_line
from honk.domain.task import State, Task
from honk.domain.turn import Turn
from honk.doors.api.answers import said
from honk.doors.api.callers import Administrator, Reader
from honk.doors.api.problems import errors
from honk.doors.api.streaming import EventStream
from honk.service import GREATEST, About, Artifact, Diagnosis, Difference, Listed
from honk.service import Query as Wanted
from honk.service.repositories import Candidate
from honk.views import Branch, Card, Merging

TaskName = Annotated[str, Path(max_length=200, description='The beginning of a task\'s id, or "last".')]
_MODEL = {"application/json": {}, "text/event-stream": {"schema": {"type": "string"}}}
#: What an agent made is never shown with Honk's rights: it is kept as a file, without rights where it is opened.
_FOREIGN = {
    "Content-Security-Policy": "sandbox; default-src 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "private, no-store",
    "Cross-Origin-Resource-Policy": "same-origin",
}

router = APIRouter(tags=["look"])


@dataclass(frozen=True, kw_only=True)
class EventLine:
    """An event; `docs/reference/events.md` has the types and the fields of their data."""

    id: str
    task: str
    turn: int
    seq: int
    at: str
    actor: str | None
    type: str
    version: int
    data: dict[str, Any]


@router.get("/about", response_model=About, responses=errors(), summary="Which Honk this is, and who you are to it")
async def about(caller: Reader) -> Response:
    return said(About, await caller.about())


@router.get("/tasks", response_model=Listed, responses=errors(404), summary="List tasks, newest first")
async def tasks(
    caller: Reader,
    state: Annotated[list[State], Query(description="Only tasks in one of these states.")] = [],  # noqa: B006
    repository: Annotated[str, Query(max_length=2000, description="Only of this name, key or address.")] = "",
    limit: Annotated[int, Query(ge=1, le=1000)] = 30,
    before: Annotated[str, Query(max_length=200, description="The `next` of the page before.")] = "",
    mine: Annotated[bool, Query(description="Only those that you asked for.")] = False,
) -> Response:
    wanted = Wanted(states=tuple(state), repository=repository, limit=limit, before=before, mine=mine)
    return said(Listed, await caller.tasks(wanted))


@router.get(
    "/repositories",
    response_model=list[Candidate],
    responses=errors(),
    summary="Repositories that you may use, most recently used first",
)
async def repositories(
    caller: Reader,
    search: Annotated[str, Query(max_length=200, description="Only those that have all of these words.")] = "",
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
) -> Response:
    return said(tuple[Candidate, ...], await caller.repositories(search, limit))


@router.get("/tasks/{task}", response_model=Task, responses=errors(404), summary="One task")
async def task(caller: Reader, task: TaskName) -> Response:
    return said(Task, await caller.find(task))


@router.get(
    "/tasks/{task}/card",
    response_model=Card,
    responses=errors(404),
    summary="A task with its verdict, pull request, build and cost",
)
async def card(caller: Reader, task: TaskName) -> Response:
    return said(Card, await caller.card(task))


@router.get(
    "/tasks/{task}/merging",
    response_model=Merging,
    responses=errors(404),
    summary="What there is to know before a task is merged",
)
async def merging(caller: Reader, task: TaskName) -> Response:
    return said(Merging, await caller.merging(task))


@router.get(
    "/tasks/{task}/branch",
    response_model=Branch,
    responses=errors(404, 409),
    summary="Where a task's branch can be fetched",
)
async def branch(caller: Reader, task: TaskName) -> Response:
    return said(Branch, await caller.branch(task))


@router.get("/tasks/{task}/turns/{number}", response_model=Turn, responses=errors(404), summary="One turn of a task")
async def turn(caller: Reader, task: TaskName, number: Annotated[int, Path(ge=1, le=GREATEST)]) -> Response:
    return said(Turn, await caller.turn(task, number))


@router.get(
    "/tasks/{task}/events",
    response_model=list[EventLine],
    responses={
        **errors(404),
        200: {"description": "A page, or a stream for `Accept: text/event-stream`.", "content": _MODEL},
    },
    summary="What happened to a task, as a page or as Server-Sent Events",
)
async def events(  # noqa: PLR0913 - one parameter a query
    caller: Reader,
    task: TaskName,
    after: Annotated[int, Query(ge=0, le=GREATEST, description="Only events with a greater `seq`.")] = 0,
    limit: Annotated[int, Query(ge=1, le=10_000, description="Of a page.")] = 1000,
    until: Annotated[str, Query(pattern="^(|settled)$", description='"settled" ends the stream with that event.')] = "",
    accept: Annotated[str, Header()] = "",
    last_event_id: Annotated[str, Header(description="The stream goes on after this `seq`.")] = "",
) -> Response:
    if "text/event-stream" not in accept:
        lines = [event_line(one) for one in await caller.events(task, after, limit)]
        return Response(f"[{','.join(lines)}]", media_type="application/json", headers={"Cache-Control": "no-store"})
    if re.fullmatch("[0-9]{1,10}", last_event_id):
        after = max(after, min(int(last_event_id), GREATEST))
    found = await caller.find(task)
    return EventStream(caller.feed.follow(found.id, after), until_settled=until == "settled")


@router.get(
    "/tasks/{task}/diff",
    response_model=Difference,
    responses=errors(404, 409),
    summary="What a task changed, for reading",
)
async def diff(caller: Reader, task: TaskName) -> Response:
    return said(Difference, await caller.difference(task))


@router.get(
    "/tasks/{task}/patch",
    response_class=Response,
    responses={**errors(404, 409), 200: {"content": {"application/octet-stream": {}}}},
    summary="What a task changed, byte for byte, as `git apply` takes it",
)
async def patch(caller: Reader, task: TaskName) -> Response:
    found = await caller.find(task)
    headers = {**_FOREIGN, "Content-Disposition": _attachment(f"{found.id}.patch")}
    return Response(await caller.patch(found.id), media_type="application/octet-stream", headers=headers)


@router.get(
    "/tasks/{task}/artifacts",
    response_model=list[Artifact],
    responses=errors(404),
    summary="Builds, full logs and pictures of a task",
)
async def artifacts(caller: Reader, task: TaskName) -> Response:
    return said(tuple[Artifact, ...], await caller.artifacts(task))


@router.get(
    "/tasks/{task}/artifacts/{digest}",
    response_class=FileResponse,
    responses={**errors(404), 200: {"content": {"application/octet-stream": {}}}},
    summary="One of them, to be kept as a file",
)
async def artifact(caller: Reader, task: TaskName, digest: Annotated[str, Path(max_length=64)]) -> Response:
    found, path = await caller.artifact(task, digest)
    return FileResponse(
        path,
        media_type=found.media_type,
        headers={**_FOREIGN, "Content-Disposition": _attachment(found.name), "ETag": f'"{digest}"'},
    )


@router.get(
    "/doctor",
    response_model=list[Diagnosis],
    responses=errors(),
    summary="Try everything that can fail later, on the server's machine",
)
async def doctor(caller: Administrator) -> Response:
    return said(tuple[Diagnosis, ...], await caller.diagnose())


def _attachment(name: str) -> str:
    return f"attachment; filename*=UTF-8''{quote(name, safe='', errors='replace')}"

"""Routes that change something. The policy is asked at each act, for the person of the token."""

from typing import Annotated

from fastapi import APIRouter, Path, Query, Request, Response

from honk.domain.access import Scope
from honk.domain.message import File, Image, Message, Waiting
from honk.domain.task import Task
from honk.doors.api.answers import said
from honk.doors.api.callers import (
    Administrator,
    Asker,
    Deployer,
    IdempotencyKey,
    Merger,
    Reader,
    Steerer,
    must_have,
    request_id,
)
from honk.doors.api.looking import TaskName
from honk.doors.api.problems import errors
from honk.doors.api.receiving import received
from honk.errors import Usage
from honk.service import Accepted, Again, Approval, Approved, Go, HandOver, NewTask, Pressed, Reply, Review, Said, Words

router = APIRouter(tags=["act"])
#: Steps for which being allowed to steer is not enough.
_LANDS = {"merge": Scope.MERGE, "deploy": Scope.DEPLOY}
MessageName = Annotated[str, Path(max_length=200, description="The beginning of a message's id.")]
_PICTURES = {
    f"image/{kind}": {"schema": {"type": "string", "format": "binary"}} for kind in ("png", "jpeg", "gif", "webp")
}
_BYTES = {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}}


@router.post(
    "/tasks",
    status_code=201,
    response_model=Accepted,
    responses={**errors(404, 413, 429), 200: {"model": Accepted, "description": "It was there already, and goes on."}},
    summary="Ask for a change of a repository",
)
async def submit(caller: Asker, wanted: NewTask, idempotency_key: IdempotencyKey = None) -> Response:
    if not wanted.repository.startswith("/") and ":" not in wanted.repository:
        raise Usage(
            f"{wanted.repository!r} is a path on your machine, which this server does not see",
            "give a git URL that the server can reach, or an absolute path on its machine",
        )
    if wanted.merge:
        must_have(caller, Scope.MERGE)
    accepted = await caller.submit(wanted, id=request_id(caller, "submit", idempotency_key))
    status = 200 if accepted.resumed else 201
    return said(Accepted, accepted, status, Location=f"/api/v1/tasks/{accepted.task.id}")


@router.post(
    "/images",
    status_code=201,
    response_model=Image,
    responses=errors(413),
    summary="Upload a picture that belongs to words which follow",
    openapi_extra={"requestBody": {"required": True, "content": _PICTURES}},
)
async def add_image(
    caller: Asker, request: Request, name: Annotated[str, Query(max_length=200)] = "picture"
) -> Response:
    return said(Image, await caller.add_image(name, await request.body()), 201)


@router.post(
    "/files",
    status_code=201,
    response_model=File,
    responses=errors(413),
    summary="Upload a file that belongs to words which follow",
    openapi_extra={"requestBody": {"required": True, "content": _BYTES}},
)
async def add_file(caller: Asker, request: Request, name: Annotated[str, Query(max_length=1000)] = "file") -> Response:
    async with received(request, caller.app.ports.home) as path:
        return said(File, await caller.add_file(name, path), 201)


@router.post(
    "/tasks/{task}/messages",
    status_code=202,
    response_model=Said,
    responses=errors(404, 409, 413, 429),
    summary="Say something to a task",
)
async def reply(caller: Steerer, task: TaskName, words: Reply, idempotency_key: IdempotencyKey = None) -> Response:
    found = await caller.find(task)
    id = request_id(caller, f"reply/{found.id}", idempotency_key)
    return said(Said, await caller.reply(found.id, words, id=id), 202)


@router.post(
    "/tasks/{task}/go",
    status_code=202,
    response_model=Said,
    responses=errors(404, 409, 429),
    summary="Have the plan carried out that waits",
)
async def go(
    caller: Steerer, task: TaskName, plan: Go | None = None, idempotency_key: IdempotencyKey = None
) -> Response:
    found = await caller.find(task)
    id = request_id(caller, f"go/{found.id}", idempotency_key)
    return said(Said, await caller.approve_plan(found.id, plan or Go(), id=id), 202)


@router.get(
    "/tasks/{task}/messages",
    response_model=list[Waiting],
    responses=errors(404),
    summary="Messages that still wait, oldest first",
)
async def messages(caller: Reader, task: TaskName) -> Response:
    return said(tuple[Waiting, ...], await caller.messages(task))


@router.patch(
    "/tasks/{task}/messages/{message}",
    response_model=Message,
    responses=errors(404, 409, 413),
    summary="Other words for a message that still waits",
)
async def edit(caller: Steerer, task: TaskName, message: MessageName, words: Words) -> Response:
    return said(Message, await caller.edit(task, message, words.text))


@router.delete(
    "/tasks/{task}/messages/{message}",
    response_model=Message,
    responses=errors(404, 409),
    summary="Take back a message that still waits",
)
async def withdraw(caller: Steerer, task: TaskName, message: MessageName) -> Response:
    return said(Message, await caller.withdraw(task, message))


@router.post(
    "/tasks/{task}/hand-over",
    status_code=202,
    response_model=Said,
    responses=errors(404, 409, 429),
    summary="Another agent or model goes on with a task",
)
async def hand_over(
    caller: Steerer, task: TaskName, wanted: HandOver, idempotency_key: IdempotencyKey = None
) -> Response:
    found = await caller.find(task)
    id = request_id(caller, f"hand-over/{found.id}", idempotency_key)
    return said(Said, await caller.hand_over(found.id, wanted, id=id), 202)


@router.post(
    "/tasks/{task}/update",
    status_code=202,
    response_model=Said,
    responses=errors(404, 409, 429),
    summary="Merge the base branch, which has moved, into a task's branch",
)
async def update(caller: Steerer, task: TaskName, idempotency_key: IdempotencyKey = None) -> Response:
    found = await caller.find(task)
    id = request_id(caller, f"update/{found.id}", idempotency_key)
    return said(Said, await caller.update(found.id, id=id), 202)


@router.post(
    "/tasks/{task}/revert",
    status_code=201,
    response_model=Accepted,
    responses=errors(404, 409, 429),
    summary="Take a merged change back, by a task and pull request of its own",
)
async def revert(caller: Asker, task: TaskName, idempotency_key: IdempotencyKey = None) -> Response:
    found = await caller.find(task)
    id = request_id(caller, f"revert/{found.id}", idempotency_key)
    accepted = await caller.revert(found.id, id=id)
    return said(Accepted, accepted, 201, Location=f"/api/v1/tasks/{accepted.task.id}")


@router.post(
    "/tasks/{task}/stop",
    status_code=202,
    response_model=Task,
    responses=errors(404, 409),
    summary="Stop the work on a task; what was done is kept",
)
async def stop(caller: Steerer, task: TaskName) -> Response:
    return said(Task, await caller.stop(task), 202)


@router.post(
    "/tasks/{task}/resume",
    status_code=202,
    response_model=bool,
    responses=errors(404, 409),
    summary="Go on with what was cut off; false when nothing was",
)
async def resume(caller: Steerer, task: TaskName) -> Response:
    return said(bool, await caller.resume(task), 202)


@router.post(
    "/tasks/{task}/retry",
    status_code=202,
    response_model=Task,
    responses=errors(404, 409, 429),
    summary="Go on where it was cut off, or have the work done again from a step on",
)
async def retry(
    caller: Steerer, task: TaskName, again: Again | None = None, idempotency_key: IdempotencyKey = None
) -> Response:
    point = again.point if again else None
    if point in _LANDS:
        must_have(caller, _LANDS[point])
    found = await caller.find(task)
    id = request_id(caller, f"retry/{found.id}", idempotency_key)
    return said(Task, await caller.retry(found.id, point=point, id=id), 202)


@router.post(
    "/tasks/{task}/approve",
    response_model=Approved,
    responses=errors(404, 409),
    summary="Say that exactly one commit of a task is good; nothing is merged by it",
)
async def approve(caller: Merger, task: TaskName, review: Review) -> Response:
    return said(Approved, await caller.approve(task, review))


@router.post(
    "/tasks/{task}/merge",
    status_code=202,
    response_model=Pressed,
    responses=errors(404, 409),
    summary="Merge exactly the commit that was verified, and deploy it",
)
async def merge(caller: Merger, task: TaskName, approval: Approval, idempotency_key: IdempotencyKey = None) -> Response:
    found = await caller.find(task)
    id = request_id(caller, f"merge/{found.id}", idempotency_key)
    return said(Pressed, await caller.merge(found.id, approval, id=id), 202)


@router.delete(
    "/tasks/{task}/records",
    response_model=int,
    responses=errors(404, 409),
    summary="Delete a task's transcript, workspace and artifacts for good; the bytes of artifacts",
)
async def forget(caller: Administrator, task: TaskName) -> Response:
    return said(int, await caller.forget(task))


@router.post(
    "/tasks/{task}/undo",
    status_code=202,
    response_model=Pressed,
    responses=errors(404, 409),
    summary="Deploy again what was live before the task",
)
async def undo(caller: Deployer, task: TaskName, idempotency_key: IdempotencyKey = None) -> Response:
    found = await caller.find(task)
    id = request_id(caller, f"undo/{found.id}", idempotency_key)
    return said(Pressed, await caller.undo(found.id, id=id), 202)

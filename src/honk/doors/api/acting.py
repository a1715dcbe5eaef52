"""Routes that change something. The policy is asked at each act, for the person of the token."""

from typing import Annotated

from fastapi import APIRouter, Query, Request, Response

from honk.domain.message import Image
from honk.domain.task import Task
from honk.doors.api.answers import said
from honk.doors.api.callers import Asker, Deployer, IdempotencyKey, Merger, Steerer, request_id
from honk.doors.api.looking import TaskName
from honk.doors.api.problems import errors
from honk.errors import Usage
from honk.service import Accepted, Approval, NewTask, Pressed, Reply, Said

router = APIRouter(tags=["act"])
_PICTURES = {
    f"image/{kind}": {"schema": {"type": "string", "format": "binary"}} for kind in ("png", "jpeg", "gif", "webp")
}


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
    summary="Go on where it was cut off, or have the work done again",
)
async def retry(caller: Steerer, task: TaskName) -> Response:
    return said(Task, await caller.retry(task), 202)


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


@router.post(
    "/tasks/{task}/undo",
    status_code=202,
    response_model=Pressed,
    responses=errors(404, 409),
    summary="Deploy again what was live before the task",
)
async def undo(caller: Deployer, task: TaskName) -> Response:
    return said(Pressed, await caller.undo(task), 202)

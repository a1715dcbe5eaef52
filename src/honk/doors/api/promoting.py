"""Routes about promotions from one environment to the next."""

from fastapi import APIRouter, Response

from honk.doors.api.answers import said
from honk.doors.api.callers import Deployer, IdempotencyKey, Reader, request_id
from honk.doors.api.looking import TaskName
from honk.doors.api.problems import errors
from honk.service.nouns import Pressed
from honk.service.promoting import Ended, PromotionWanted
from honk.views.merging import Promoting

router = APIRouter(tags=["act"])


@router.get(
    "/tasks/{task}/promoting",
    response_model=Promoting,
    responses=errors(404),
    summary="What there is to know before a task's version is promoted",
)
async def promoting(caller: Reader, task: TaskName) -> Response:
    return said(Promoting, await caller.promoting(task))


@router.post(
    "/tasks/{task}/promote",
    status_code=202,
    response_model=Pressed,
    responses=errors(404, 409),
    summary="Take what is live and healthy of a task to the next environment: the same commit and artifact",
)
async def promote(
    caller: Deployer, task: TaskName, wanted: PromotionWanted | None = None, idempotency_key: IdempotencyKey = None
) -> Response:
    found = await caller.find(task)
    id = request_id(caller, f"promote/{found.id}", idempotency_key)
    return said(Pressed, await caller.promote(found.id, wanted or PromotionWanted(), id=id), 202)


@router.post(
    "/tasks/{task}/deployed",
    response_model=bool,
    responses=errors(404, 409),
    summary="Say how a deployment by webhook ended, of which its target cannot be asked",
)
async def deployed(caller: Deployer, task: TaskName, ended: Ended) -> Response:
    await caller.deployed(task, ended)
    return said(bool, True)

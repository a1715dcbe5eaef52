"""Routes for workers elsewhere: ask for a job, say how it goes; and for people: who is there, and what waits."""

from typing import Annotated

from fastapi import APIRouter, Header, Path, Response
from fastapi.responses import FileResponse
from starlette.background import BackgroundTask

from honk.doors.api.answers import said
from honk.doors.api.callers import Administrator, Deployer, Reader, Worker
from honk.doors.api.problems import errors
from honk.service.governing import TokenMade
from honk.service.working import (
    JobEnded,
    JobGiven,
    JobSettled,
    JobShown,
    Printed,
    WorkersShown,
    WorkerTokenWanted,
    WorkWanted,
)

router = APIRouter(tags=["workers"])
JobId = Annotated[str, Path(max_length=100, description="As the job that was given has it.")]
Lease = Annotated[str, Header(alias="Honk-Lease", max_length=100, description="As the job that was given has it.")]
_NO_STORE = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}
_FILE: dict[int | str, dict[str, object]] = {
    200: {"description": "The file.", "content": {"application/octet-stream": {}}}
}


@router.post(
    "/worker-tokens",
    status_code=201,
    response_model=TokenMade,
    responses=errors(413),
    summary="Make an access token for a worker elsewhere, and nothing else; it is shown this once",
)
async def create_worker_token(caller: Administrator, wanted: WorkerTokenWanted) -> Response:
    return said(TokenMade, await caller.create_worker_token(wanted), 201)


@router.get("/workers", response_model=WorkersShown, responses=errors(), summary="Workers elsewhere, and their jobs")
async def workers(caller: Reader) -> Response:
    return said(WorkersShown, await caller.workers())


@router.post(
    "/jobs/{job}/settle",
    response_model=JobShown,
    responses=errors(404, 409, 413),
    summary="Say what became of a deployment whose worker was cut off",
)
async def settle(caller: Deployer, job: JobId, settled: JobSettled) -> Response:
    return said(JobShown, await caller.settle_job(job, settled))


@router.post("/jobs/claim", response_model=JobGiven, responses=errors(413), summary="A worker asks for a job")
async def claim(caller: Worker, wanted: WorkWanted) -> Response:
    return said(JobGiven, await caller.claim(wanted))


@router.post(
    "/jobs/{job}/beat",
    status_code=204,
    response_class=Response,
    responses=errors(404, 409),
    summary="The worker that has a job lives, and keeps it",
)
async def beat(caller: Worker, job: JobId, lease: Lease) -> Response:
    await caller.beat(job, lease)
    return Response(status_code=204, headers=_NO_STORE)


@router.post(
    "/jobs/{job}/begin",
    status_code=204,
    response_class=Response,
    responses=errors(404, 409),
    summary="The command of a job begins: from now on nobody repeats a deployment blindly",
)
async def begin(caller: Worker, job: JobId, lease: Lease) -> Response:
    await caller.begin_job(job, lease)
    return Response(status_code=204, headers=_NO_STORE)


@router.post(
    "/jobs/{job}/log",
    status_code=204,
    response_class=Response,
    responses=errors(404, 409, 413),
    summary="What a job prints",
)
async def log(caller: Worker, job: JobId, lease: Lease, printed: Printed) -> Response:
    await caller.printed(job, lease, printed)
    return Response(status_code=204, headers=_NO_STORE)


@router.post(
    "/jobs/{job}/end",
    status_code=204,
    response_class=Response,
    responses=errors(404, 409, 413),
    summary="How a job ended; what it made was uploaded before",
)
async def end(caller: Worker, job: JobId, lease: Lease, ended: JobEnded) -> Response:
    await caller.end_job(job, lease, ended)
    return Response(status_code=204, headers=_NO_STORE)


@router.get(
    "/jobs/{job}/source",
    response_class=FileResponse,
    responses={**errors(404, 409), **_FILE},
    summary="The commit of a job, as a tar archive",
)
async def source(caller: Worker, job: JobId, lease: Lease) -> Response:
    made = await caller.source(job, lease)
    gone = BackgroundTask(made.unlink, missing_ok=True)
    return FileResponse(made, media_type="application/octet-stream", headers=_NO_STORE, background=gone)


@router.get(
    "/jobs/{job}/artifact",
    response_class=FileResponse,
    responses={**errors(404, 409), **_FILE},
    summary="What a job signs or deploys",
)
async def artifact(caller: Worker, job: JobId, lease: Lease) -> Response:
    made = await caller.artifact_file(job, lease)
    return FileResponse(made, media_type="application/octet-stream", headers=_NO_STORE)

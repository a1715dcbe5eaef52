"""Routes about freezes of environments."""

from typing import Annotated

from fastapi import APIRouter, Query, Response

from honk.doors.api.answers import said
from honk.doors.api.callers import Deployer, Reader
from honk.doors.api.problems import errors
from honk.service.freezing import FreezeShown, FreezeWanted

router = APIRouter(tags=["act"])
Address = Annotated[str, Query(min_length=1, max_length=2000, description="The repository's address.")]


@router.post(
    "/freezes",
    status_code=201,
    response_model=FreezeShown,
    responses=errors(404, 413),
    summary="Let nothing be deployed to an environment, or to all of a repository",
)
async def freeze(caller: Deployer, wanted: FreezeWanted) -> Response:
    return said(FreezeShown, await caller.freeze(wanted), 201)


@router.get(
    "/freezes",
    response_model=list[FreezeShown],
    responses=errors(404),
    summary="What of a repository is frozen now",
)
async def freezes(caller: Reader, repository: Address) -> Response:
    return said(tuple[FreezeShown, ...], await caller.freezes(repository))


@router.delete(
    "/freezes",
    response_model=FreezeShown,
    responses=errors(404),
    summary="End a freeze; what waited for it begins by itself",
)
async def thaw(
    caller: Deployer,
    repository: Address,
    environment: Annotated[str, Query(max_length=64, description='"" is the freeze of all of the repository.')] = "",
) -> Response:
    return said(FreezeShown, await caller.thaw(repository, environment))

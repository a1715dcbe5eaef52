"""Routes about people, rights, tokens, money and the audit log."""

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query, Response

from honk.domain.policy import Act, Explanation
from honk.doors.api.answers import said
from honk.doors.api.callers import Administrator, Reader
from honk.doors.api.problems import errors
from honk.errors import Usage
from honk.service import GREATEST
from honk.service.governing import AuditLine, AuditQuery, BudgetShown, Question, TokenMade, TokenShown, TokenWanted

router = APIRouter(tags=["govern"])


@dataclass(frozen=True)
class _Sought:
    """Further conditions of a question to the audit log."""

    act: Annotated[Act | None, Query(description="Only acts of this kind.")] = None
    repository: Annotated[str, Query(max_length=2000, description="Only where the address has this part.")] = ""
    since: Annotated[datetime | None, Query(description="A time with its zone.")] = None


PersonName = Annotated[
    str, Query(max_length=200, description='A key of [people], or an identity such as "slack:U123"; "" is you.')
]
TaskPrefix = Annotated[str, Query(max_length=200, description="The beginning of a task's id.")]


@router.post(
    "/tokens",
    status_code=201,
    response_model=TokenMade,
    responses=errors(404, 413),
    summary="Make an access token; it is shown this once",
)
async def create_token(caller: Administrator, wanted: TokenWanted) -> Response:
    return said(TokenMade, await caller.create_token(wanted), 201)


@router.get(
    "/tokens",
    response_model=list[TokenShown],
    responses=errors(),
    summary="Access tokens: all for who may administer Honk, otherwise your own",
)
async def tokens(caller: Administrator) -> Response:
    return said(tuple[TokenShown, ...], await caller.tokens())


@router.delete(
    "/tokens/{id}",
    response_model=TokenShown,
    responses=errors(404),
    summary="Revoke an access token: it opens nothing from now on",
)
async def revoke_token(caller: Administrator, id: Annotated[str, Path(max_length=200)]) -> Response:
    return said(TokenShown, await caller.revoke_token(id))


@router.get(
    "/policy/explanation",
    response_model=Explanation,
    responses=errors(404),
    summary="Whether somebody may do something now, and every rule that was looked at",
)
async def explanation(
    caller: Reader,
    act: Act,
    repository: Annotated[
        str, Query(max_length=2000, description='An address; "" is the repository of the task, or Honk itself.')
    ] = "",
    person: PersonName = "",
    task: TaskPrefix = "",
) -> Response:
    question = Question(person=person, act=act, repository=repository, task=task)
    return said(Explanation, await caller.explain(question))


@router.get(
    "/audit",
    response_model=list[AuditLine],
    responses=errors(404),
    summary="Acts that were asked for, newest first; for who may administer Honk",
)
async def audit(
    caller: Administrator,
    task: TaskPrefix = "",
    person: PersonName = "",
    sought: Annotated[_Sought, Depends()] = _Sought(),
    before: Annotated[
        int | None, Query(ge=1, le=GREATEST, description="The number of the last entry of the page before.")
    ] = None,
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
) -> Response:
    since = sought.since
    if since is not None and since.tzinfo is None:
        raise Usage(f"{since.isoformat()} has no time zone", "such as 2026-11-21T08:00:00Z")
    query = AuditQuery(
        task=task,
        person=person,
        act=sought.act,
        repository=sought.repository,
        since=since,
        before=before,
        limit=limit,
    )
    return said(tuple[AuditLine, ...], await caller.audit(query))


@router.get(
    "/budgets",
    response_model=list[BudgetShown],
    responses=errors(),
    summary="Money spent and reserved on the present day (UTC)",
)
async def budgets(caller: Reader) -> Response:
    return said(tuple[BudgetShown, ...], await caller.budgets())

"""Errors over HTTP: one JSON shape (RFC 9457), and which status says who must act."""

import re
from dataclasses import dataclass

import structlog
from fastapi import FastAPI, HTTPException, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException as StarletteHTTPException

from honk.domain.codec import dump
from honk.errors import (
    Defect,
    HonkError,
    LimitReached,
    NeedsHuman,
    NotAllowed,
    NotNow,
    Retryable,
    Stopped,
    TooLarge,
    Unknown,
    Usage,
)

_log = structlog.get_logger()
MEDIA_TYPE = "application/problem+json"
#: The first class that fits decides.
_STATUS: tuple[tuple[type[HonkError], int], ...] = (
    (Unknown, 404),
    (TooLarge, 413),
    (NotNow, 409),
    (Usage, 400),
    (NotAllowed, 403),
    (LimitReached, 429),
    (NeedsHuman, 422),
    (Stopped, 409),
    (Retryable, 503),
    (HonkError, 500),
)
#: seconds after which asking again may help
_AGAIN = "5"


@dataclass(frozen=True, kw_only=True, slots=True)
class Problem:
    """What went wrong, as RFC 9457 has it, and what to do next."""

    #: names the kind of error: "urn:honk:error:not-now"
    type: str
    #: the same in words
    title: str
    status: int
    #: what went wrong, for a person
    detail: str
    #: what the person can do; may be empty
    remedy: str = ""
    #: of a limit: "money", "calls", "time" or "disk"
    limit: str = ""


#: What may come instead of an answer, for the description of a route.
_DESCRIPTIONS = {
    400: "The request itself makes no sense.",
    401: "No access token, or one that opens nothing.",
    403: "The token is not for this, or the policy does not allow it.",
    404: "What was named does not exist.",
    409: "It makes no sense in the state in which the task is.",
    412: "Another version of tus than 1.0.0.",
    413: "The body is larger than is taken.",
    415: "The body is of another kind than is taken.",
    422: "A person has to change something first.",
    429: "A limit of money, calls or time.",
    500: "A defect of Honk.",
    503: "The server ends, or what it needs does not answer; ask again.",
}


def errors(*statuses: int) -> dict[int | str, dict[str, object]]:
    """The errors of a route, besides those that every route has."""
    return {
        status: {"description": _DESCRIPTIONS[status], "content": {MEDIA_TYPE: {}}, "model": Problem}
        for status in sorted({400, 401, 403, 422, 500, 503, *statuses})
    }


def problem_of(error: HonkError) -> Problem:
    """The error as it is told to whoever asked."""
    status = next(status for kind, status in _STATUS if isinstance(error, kind))
    words = re.sub(r"(?<!^)(?=[A-Z])", " ", type(error).__name__).lower()
    return Problem(
        type=f"urn:honk:error:{words.replace(' ', '-')}",
        title=words,
        status=status,
        detail=error.message,
        remedy=error.remedy,
        limit=error.kind if isinstance(error, LimitReached) else "",
    )


def plain(status: int, detail: str, remedy: str = "") -> Problem:
    """A problem that is none of Honk's own errors."""
    return Problem(type="about:blank", title=_DESCRIPTIONS.get(status, ""), status=status, detail=detail, remedy=remedy)


def answer(problem: Problem) -> Response:
    """The response that says so."""
    headers = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}
    if problem.status == 503:
        headers["Retry-After"] = _AGAIN
    if problem.status == 401:
        headers["WWW-Authenticate"] = 'Bearer realm="honk"'
    return Response(dump(Problem, problem), status_code=problem.status, media_type=MEDIA_TYPE, headers=headers)


def say_problems(api: FastAPI) -> None:
    """Has every error answered in that shape."""

    @api.exception_handler(HonkError)
    async def own(_: Request, error: HonkError) -> Response:
        if isinstance(error, Defect):
            _log.error("a request met a defect", error=error.message)
        return answer(problem_of(error))

    @api.exception_handler(RequestValidationError)
    async def invalid(_: Request, error: RequestValidationError) -> Response:
        said = "; ".join(
            f"{'.'.join(str(part) for part in one['loc'] if part != 'body') or 'body'}: {one['msg']}"
            for one in error.errors()[:5]
        )
        return answer(problem_of(Usage(said, "GET /api/v1/openapi.json describes every request")))

    @api.exception_handler(StarletteHTTPException)
    async def http(_: Request, error: HTTPException) -> Response:
        remedy = "GET /api/v1/openapi.json lists what there is" if error.status_code in {404, 405} else ""
        return answer(plain(error.status_code, str(error.detail), remedy))

    @api.exception_handler(Exception)
    async def unknown(_: Request, error: Exception) -> Response:
        return answer(problem_of(Defect(f"{type(error).__name__} while answering; the server's log says more")))

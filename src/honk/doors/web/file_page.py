"""`/tasks/<id>/pull-request/file` and `…/picture`: one changed file, a part of the page or a page of its own.

An address says of which head it is. After the branch moved it shows nothing: lines of another commit would stand
beside those that were read.
"""

import re

from starlette.requests import Request
from starlette.responses import Response

from honk.domain.attachment import PICTURES
from honk.domain.repository import Compared
from honk.domain.task import Task
from honk.doors.web import changed_files
from honk.doors.web.attachments import picture_of
from honk.doors.web.changed_files import CONTEXTS, Place
from honk.doors.web.pull_request_page import asked, placed
from honk.doors.web.rendering import page, problem
from honk.errors import NotNow, Unknown
from honk.service import Local
from honk.views import ChangedFile

#: a picture larger than this is not drawn
_LARGEST = 10_000_000


async def file(request: Request, service: Local, found: Task) -> Response:
    """The lines of one file: `context` is 3, 25 or all; `from` the place of the first line; `part=1` without a page."""
    query = request.query_params
    part = "part" in query
    try:
        place, one, said = await _named(request, service, found)
    except NotNow as error:
        if part:
            return page(request, "file_part.html", status=409, shown=None, trouble=error.message)
        return problem(
            request, 409, "The branch moved", error.message, f"/tasks/{found.id}/pull-request has the new one"
        )
    context, start = query.get("context", "3"), query.get("from", "0")
    if context not in CONTEXTS or not re.fullmatch(r"[0-9]{1,9}", start) or not start.isascii():
        raise Unknown("there is no such part of a file")
    repositories = service.app.ports.repositories
    piece = await changed_files.lines_of(repositories, place, one, context, int(start))
    shown = changed_files.card(place, one, said, set())
    return page(
        request,
        "file_part.html" if part else "file.html",
        visit=request.state,
        task=found,
        place=place,
        shown=shown,
        piece=piece,
        context=context,
        start=int(start),
        trouble="",
        question=None if part else await asked(request, service, place),
    )


async def picture(request: Request, service: Local, found: Task) -> Response:
    """A picture before or after the change: PNG, JPEG, GIF or WebP by its first bytes, drawn and never run."""
    place, one, _ = await _named(request, service, found)
    side = request.query_params.get("side", "")
    if side not in {"before", "after"}:
        raise Unknown("a picture is there before and after the change")
    commit, path = (place.old, one.before) if side == "before" else (place.head, one.change.path)
    content = await service.app.ports.repositories.read(found.repository, commit, path, _LARGEST)
    for media_type, beginning in PICTURES.items():
        if content is not None and re.match(beginning, content[:16], re.DOTALL):
            return picture_of(content, media_type)
    raise Unknown(f"there is no picture that can be drawn, or it has more than {_LARGEST // 1_000_000} MB")


async def _named(request: Request, service: Local, task: Task) -> tuple[Place, Compared, ChangedFile]:
    """The file that the address names. Raises NotNow when the branch has moved since, Unknown where there is none."""
    query = request.query_params
    place = await placed(request, service, task, await service.events(task.id, limit=100_000))
    if (head := query.get("head", "")) and not place.head.startswith(head):
        raise NotNow(f"the branch moved: it is at {place.head[:12]}, not at {head[:12]}; look at the page again")
    found = await changed_files.find(service.app.ports.repositories, place, query.get("file", ""))
    if found is None:
        raise Unknown("the change has no such file")
    return place, *found

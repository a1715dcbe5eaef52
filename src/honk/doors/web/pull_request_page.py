"""`/tasks/<id>/pull-request`: what is proposed, what was proven, what was not, and the difference."""

from starlette.requests import Request
from starlette.responses import Response

from honk.domain.event import DeploymentFinished, DeploymentWatched, MergeDone, MergeRefused
from honk.domain.task import BUSY, Task
from honk.doors.web.diffs import Diff, read_diff
from honk.doors.web.rendering import page
from honk.errors import HonkError
from honk.service import Local
from honk.views import next_steps, sentence


async def pull_request(request: Request, service: Local, found: Task) -> Response:
    """The page; it stays at its address before there is a pull request, and after it was merged."""
    card = await service.card(found.id)
    comments = await service.app.ports.records.comments(found.id)
    log = await service.events(found.id, limit=100_000)
    landed = [
        (event, sentence(event))
        for event in log
        if isinstance(event.data, MergeDone | MergeRefused | DeploymentFinished | DeploymentWatched)
    ]
    diff, trouble = await _difference(service, found) if card.pull_request else (None, "")
    logs = {one.digest: one for one in await service.artifacts(found.id)}
    return page(
        request,
        "pull_request.html",
        visit=request.state,
        card=card,
        task=found,
        verdict=card.verdict,
        outdated=_outdated(
            card.verdict.commit if card.verdict else "", card.pull_request.head if card.pull_request else ""
        ),
        logs=logs,
        comments=comments,
        landed=landed,
        diff=diff,
        trouble=trouble,
        busy=found.state in BUSY,
        steps=next_steps(card),
    )


def _outdated(verified: str, head: str) -> bool:
    """Whether the verdict is not on what the pull request proposes."""
    return bool(verified and head) and verified != head


async def _difference(service: Local, task: Task) -> tuple[Diff | None, str]:
    try:
        return read_diff((await service.difference(task.id)).diff), ""
    except HonkError as error:
        return None, error.message

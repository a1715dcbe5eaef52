"""`/tasks/<id>/merge`, `/promote` and `/undo`: what comes of it, before anybody presses. Looking changes nothing.

What is pressed is exactly the commit that the page shows: its name is in the form.
"""

from starlette.requests import Request
from starlette.responses import Response

from honk.domain.task import Task
from honk.doors.web.possible import possible
from honk.doors.web.rendering import page
from honk.service import Local
from honk.views.moves import Move

#: files and verifiers that the page shows; the pull request's own page has all
_FILES, _CHECKS = 40, 20


async def merge(request: Request, service: Local, found: Task) -> Response:
    """Verdict, files by risk, what was not proven, what undo will do; buttons only where they would be obeyed."""
    view = await service.merging(found.id)
    card = await service.card(found.id)
    can = await possible(service, card, ())
    presses = Move.DEPLOY in can.moves if view.landed else not view.refusal and Move.MERGE in can.moves
    counted = [one for one in view.checks if one.counts] or list(view.checks)
    return page(
        request,
        "merge.html",
        visit=request.state,
        task=found,
        view=view,
        can=can,
        presses=presses and view.allowed and bool(view.head),
        approves=bool(view.head) and not view.landed and Move.APPROVE in can.moves,
        checks=counted[:_CHECKS],
        files=view.files[:_FILES],
        more=len(view.files) - _FILES,
        verb="Deploy" if view.landed else "Merge",
    )


async def promote(request: Request, service: Local, found: Task) -> Response:
    """What is taken to which environment, and what undoing means there."""
    view = await service.promoting(found.id)
    can = await possible(service, await service.card(found.id), ())
    presses = Move.PROMOTE in can.moves and view.allowed and not view.refusal
    return page(request, "promote.html", visit=request.state, task=found, view=view, can=can, presses=presses)


async def undo(request: Request, service: Local, found: Task) -> Response:
    """What undoing does."""
    view = await service.merging(found.id)
    can = await possible(service, await service.card(found.id), ())
    return page(
        request, "undo.html", visit=request.state, task=found, view=view, can=can, presses=Move.UNDO in can.moves
    )

"""`/builds`: new versions of the apps, newest first, by repository and channel."""

from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import Response

from honk.domain.overview import Channel
from honk.doors.web.rendering import page
from honk.errors import Unknown, Usage
from honk.service import Local
from honk.views import elapsed

_PAGE = 30
_CHANNELS = {"": "all", Channel.MAIN: "main: deployed", Channel.PULL_REQUEST: "pull requests"}


async def builds(request: Request, service: Local) -> Response:
    """The list, of one repository where its key is given."""
    asked, ports = request.query_params, service.app.ports
    repository, named, before = asked.get("repository", ""), asked.get("channel", ""), asked.get("before", "")
    if named not in _CHANNELS:
        raise Usage(f"there is no channel {named[:80]!r}", f"one of: {', '.join(Channel)}")
    if before and await ports.records.find_build(before) is None:
        raise Unknown("There is no build with this id.", "Begin with the newest: /builds")
    channel = Channel(named) if named else None
    found = await ports.overview.builds(repository=repository, channel=channel, limit=_PAGE + 1, before=before)
    now, kept = ports.clock(), {"repository": repository, "channel": named}
    used = [one.repository for one in await ports.tasks.repositories(limit=50)]
    return page(
        request,
        "builds.html",
        visit=request.state,
        here="builds",
        rows=[(one, elapsed(one.at, now) if one.at else "") for one in found[:_PAGE]],
        channels=[(title, _link({**kept, "channel": name}), name == named) for name, title in _CHANNELS.items()],
        repositories=[(one.name, _link({**kept, "repository": one.key}), one.key == repository) for one in used],
        repository=next((one.name for one in used if one.key == repository), repository),
        every=_link({**kept, "repository": ""}),
        first=_link(kept) if before else "",
        more=_link({**kept, "before": found[_PAGE - 1].build.id}) if len(found) > _PAGE else "",
    )


def _link(query: dict[str, str]) -> str:
    said = urlencode({name: value for name, value in query.items() if value})
    return f"/builds?{said}" if said else "/builds"

"""build → channel: one word with it, which is kept, and told where it says something else than before."""

from dataclasses import replace
from pathlib import Path

import anyio

from honk.domain.build import Build
from honk.domain.channel import ChannelState, Offer, Seen, next_look
from honk.domain.event import BuildOffered
from honk.domain.task import Task
from honk.domain.text import one_line, shortened, visible
from honk.errors import NeedsHuman, Retryable
from honk.ports import Channel, Offered, Ports

#: seconds that a channel has
_SECONDS = 60.0
_LINKS = ("https://", "http://", "itms-beta://")
_LONGEST = 500


async def offer_build(task: Task, build: str, channel: str, *, ports: Ports) -> Offer | None:
    """How it stands there now. None where the build, its files or the channel are gone: it is not asked again."""
    known = await ports.offers.find(build, channel)
    if known is None or known.due is None:
        return known
    there, made = ports.channels.get(channel), await ports.records.find_build(build)
    if there is None or made is None or not _file(made, ports).is_file():
        await ports.offers.save(replace(known, due=None, looks=known.looks + 1))
        return None
    seen = _plain(await _asked(there, task, made, known, ports=ports))
    now = ports.clock()
    changed = known.changes + (seen != known.seen)
    kept = replace(known, seen=seen, due=next_look(known, seen, now), looks=known.looks + 1, changes=changed)
    if seen != known.seen:
        said = BuildOffered(
            build=build,
            channel=channel,
            title=known.title,
            state=seen.state,
            link=seen.link,
            detail=seen.detail,
            until=seen.until.isoformat() if seen.until is not None else "",
        )
        await ports.events.record(task.id, task.turn, said, key=f"offered/{build}/{channel}/{changed}")
    await ports.offers.save(kept)
    return kept


async def _asked(channel: Channel, task: Task, build: Build, known: Offer, *, ports: Ports) -> Seen:
    """What it says; where it says nothing, how it stood, with the reason."""
    page = ports.previews.page(f"/builds/{build.id}") or ""
    offered = Offered(build=build, repository=task.repository.url, file=_file(build, ports), page=page)
    try:
        with anyio.fail_after(_SECONDS):
            return await channel.carry(offered)
    except TimeoutError:
        return _still(known, f"{known.title} did not answer within {_SECONDS:.0f} s")
    except Retryable as error:
        return _still(known, str(error))
    except NeedsHuman as error:
        return _still(known, str(error), ChannelState.WAITING)


def _still(known: Offer, why: str, state: ChannelState | None = None) -> Seen:
    """A version that can be got stays that: what is in the way now is not in the way of people."""
    if known.seen.state is ChannelState.READY:
        return known.seen
    return Seen(state=state or known.seen.state, link=known.seen.link, detail=why)


def _plain(seen: Seen) -> Seen:
    """Whoever wrote the channel, its words are one line, and its link is one that a browser may open."""
    link = seen.link if seen.link.startswith(_LINKS) and seen.link.isprintable() and " " not in seen.link else ""
    detail = shortened(visible(one_line(seen.detail)), _LONGEST)
    return replace(seen, link=link[:2000], detail=detail)


def _file(build: Build, ports: Ports) -> Path:
    return ports.artifacts.path(build.package.digest if build.package is not None else build.digest)

"""build → thread: a link under which the new version can be tried; channels that take it are asked from now on."""

from dataclasses import replace
from functools import partial

from honk.domain.build import Build
from honk.domain.channel import ChannelState, Offer, Seen
from honk.domain.event import BuildReady
from honk.domain.task import Task
from honk.domain.turn import Turn
from honk.ports import Ports


async def share(task: Task, turn: Turn, build: Build, *, ports: Ports) -> Build:
    """The build with its address. While a phone cannot open it, the event says why, and what to do."""
    known = await ports.records.find_build(build.id)  # it may be shared again, after its links were ended
    now = build if known is None else replace(build, revoked=known.revoked)
    shared = replace(build, preview_url=await ports.previews.show(now))
    await ports.records.save_build(shared)
    tell = partial(ports.events.record, task.id, turn.number)
    await tell(
        BuildReady(
            build=shared.id,
            kind=shared.kind,
            commit=shared.commit,
            digest=shared.digest,
            size=shared.size,
            preview_url=shared.preview_url,
            hint=ports.previews.hint(),
            name=shared.name,
            app_version=shared.version,
            package=shared.package.digest if shared.package is not None else "",
            form=shared.package.form if shared.package is not None else "",
        ),
        key=f"build/{turn.name}/{shared.id}",
    )
    for name in ports.channels.of(task.repository, shared):
        await _offer(task, shared, name, ports=ports)
    return shared


async def _offer(task: Task, build: Build, name: str, *, ports: Ports) -> None:
    """From now on the channel is asked for it, or about it."""
    if (channel := ports.channels.get(name)) is not None:
        now = ports.clock()
        begun = Offer(
            build=build.id,
            task=task.id,
            channel=name,
            title=channel.title,
            seen=Seen(state=ChannelState.ABSENT, detail="it has not been asked yet"),
            since=now,
            due=now,
        )
        await ports.offers.begin(begun)

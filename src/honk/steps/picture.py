"""build → screenshots: its first page, the same page of what people had before it, and a film of it if it is wanted.

Taken when people have the build already, within bounds, and never the reason for another outcome of the turn:
what is in the way is said in the event. A picture is remembered by what it shows, so that a build which is live
by and by is not opened twice.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace

import anyio

from honk.domain.build import Build
from honk.domain.deployment import DeploymentState
from honk.domain.event import BuildPictured
from honk.domain.task import Task
from honk.domain.text import visible
from honk.domain.turn import Turn
from honk.errors import HonkError
from honk.ports import Camera, Exam, Ports, Shot
from honk.ports.configuration import configuration

#: The digest of the base's own build; "" where it cannot be built.
BaseBuild = Callable[[Exam], Awaitable[str]]
#: seconds that building the base may take, and all of the step
_BASE, _ALL = 30.0, 90.0
#: and those that a film may take
_FILM = 60.0


@dataclass(frozen=True, kw_only=True, slots=True)
class _Picture:
    """What the shelf has, by its digest, or why there is nothing."""

    digest: str = ""
    note: str = ""
    errors: tuple[str, ...] = ()


async def picture(task: Task, turn: Turn, build: Build, exam: Exam, *, of_base: BaseBuild, ports: Ports) -> Build:
    """The build with its screenshots.

    There are none of other kinds than "web", of what only the app's own server shows, or where nobody wants them.
    """
    if ports.camera is None or build.kind != "web" or build.server is not None:
        return build
    album = _Album(ports.camera, build.first_page, ports)
    after = before = _Picture(note=f"no screenshots within {_ALL:.0f} s")
    with anyio.move_on_after(_ALL):
        after = before = await album.of(build.digest)
        if after.digest:
            before = await album.before(task, exam, of_base)
    film = await _film(album, build) if after.digest and ports.films else _Picture()
    pictured = replace(build, after=after.digest, before=before.digest, film=film.digest)
    await ports.records.save_build(pictured)
    told = BuildPictured(
        build=build.id,
        after=after.digest or None,
        before=before.digest or None,
        note=after.note or before.note or film.note,
        errors=after.errors,
        film=film.digest or None,
    )
    await ports.events.record(task.id, turn.number, told, key=f"pictured/{turn.name}/{build.id}")
    return pictured


async def _film(album: "_Album", build: Build) -> _Picture:
    film = _Picture(note=f"no film within {_FILM:.0f} s")
    with anyio.move_on_after(_FILM):
        film = await album.film(build.digest)
    return film


class _Album:
    """Pictures of one page in several builds."""

    def __init__(self, camera: Camera, page: str, ports: Ports) -> None:
        self._camera = camera
        self._page = page
        self._ports = ports

    async def of(self, digest: str) -> _Picture:
        """The page in the build with that digest."""
        key = f"picture/{digest}/{self._page}"
        if known := await self._known(key):
            return known
        try:
            shot = await self._camera.take(self._ports.artifacts.path(digest), self._page)
            taken = await self._ports.artifacts.put(shot.picture) if shot.picture else ""
        except (HonkError, OSError, KeyError) as error:
            shot, taken = Shot(note=f"no screenshot could be taken: {error}"), ""
        if taken and not shot.errors:
            await self._ports.records.cache(key, taken)
        return _Picture(digest=taken, note=visible(shot.note), errors=tuple(map(visible, shot.errors)))

    async def film(self, digest: str) -> _Picture:
        """Some seconds of the page in the build with that digest."""
        key = f"film/{digest}/{self._page}"
        if known := await self._known(key):
            return known
        try:
            film = await self._camera.film(self._ports.artifacts.path(digest), self._page)
            taken = await self._ports.artifacts.put(film.content) if film.content else ""
        except (HonkError, OSError, KeyError) as error:
            return _Picture(note=visible(f"no film could be made: {error}"))
        if taken:
            await self._ports.records.cache(key, taken)
        return _Picture(digest=taken, note=visible(film.note))

    async def before(self, task: Task, exam: Exam, of_base: BaseBuild) -> _Picture:
        """The page in what is live, or in the base where nothing is."""
        if live := await self._live(task, exam):
            return await self.of(live)
        key = f"picture-of-base/{task.repository.key}/{exam.base.commit}/{self._page}"
        if known := await self._known(key):
            return known
        # What took too long once is not waited for in every turn.
        slow = f"base-too-slow/{task.repository.key}"
        if note := await self._ports.records.cached(slow):
            return _Picture(note=note)
        with anyio.move_on_after(_BASE) as bound:
            digest = await self._built(exam, of_base)
        if bound.cancelled_caught:
            note = f"nothing is live, and building the base takes more than {_BASE:.0f} s"
            await self._ports.records.cache(slow, note)
            return _Picture(note=note)
        if not digest:
            return _Picture(note="nothing is live, and the base could not be built")
        made = await self.of(digest)
        if made.digest:
            await self._ports.records.cache(key, made.digest)
        return made

    async def _built(self, exam: Exam, of_base: BaseBuild) -> str:
        try:
            return await of_base(exam)
        except (HonkError, OSError):
            return ""

    async def _known(self, key: str) -> _Picture | None:
        digest = await self._ports.records.cached(key)
        kept = digest is not None and self._ports.artifacts.path(digest).is_file()
        return _Picture(digest=digest) if digest is not None and kept else None

    async def _live(self, task: Task, exam: Exam) -> str:
        """The build that is live where this repository deploys to; "" where none is, or its files are gone."""
        environments = (await configuration(self._ports.repositories, task.repository, exam.base.commit)).deploy
        # what people have in front of them is in the last one
        last = environments[-1].environment if environments else ""
        history = await self._ports.records.deployments(task.repository.key, last) if last else ()
        digests = (one.digest for one in history if one.state is DeploymentState.LIVE)
        return next((one for one in digests if self._ports.artifacts.path(one).is_file()), "")

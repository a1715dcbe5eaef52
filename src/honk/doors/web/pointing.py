"""Pointing at the wrong thing: what a framed preview says of an element becomes a reply with a screenshot.

All of it comes from a page that an agent made: it is bounded, made visible, quoted as the page's own words, and only
what a person sends by Honk's own button is heard.
"""

import re
from dataclasses import dataclass

import anyio

from honk.domain.app_server import AppServer
from honk.domain.build import Build
from honk.domain.message import Image
from honk.domain.policy import Act
from honk.domain.task import Task
from honk.domain.text import one_line, shortened, visible
from honk.doors.web.forms import Form
from honk.errors import HonkError, NotAllowed, Usage
from honk.ports import Shot, View
from honk.service import Local, Reply
from honk.service.app_servers import Servers

#: characters of what the page says of itself
_PAGE, _ELEMENT, _TEXT, _ROLE = 500, 400, 300, 40
_NUMBER = re.compile(r"-?[0-9]{1,5}")
#: where a page lies, as [preview] path has it, with what browsers leave as it is
_PATH = re.compile(r"/(?![/\\])[A-Za-z0-9._~/?#=&%+,;:@!$'()*-]*")
#: seconds for a screenshot, with the wait for another one
_PATIENCE = 60.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Pointed:
    """What somebody pointed at."""

    page: str
    element: str
    text: str
    role: str
    view: View


def pointed(form: Form) -> Pointed | None:
    """What the form says of it; None where nobody pointed at anything. Raises Usage."""
    element = _words(form["element"], _ELEMENT)
    if not element:
        return None
    page = _words(form["page"], _PAGE)
    if not _PATH.fullmatch(page):
        raise Usage("the preview does not say which of its pages this is", "point at it again")
    width, height, left, top, wide, tall = (
        _number(form[name]) for name in ("width", "height", "left", "top", "wide", "tall")
    )
    if width <= 0 or height <= 0:
        raise Usage("the preview does not say how large its screen is", "point at it again")
    view = View(width=width, height=height, element=element, at=(left, top, wide, tall))
    text, role = _words(form["shown"], _TEXT), _words(form["role"], _ROLE)
    return Pointed(page=page, element=element, text=text, role=role, view=view)


def described(build: Build, what: Pointed, note: str) -> str:
    """The end of the reply: what it is about. `note` says why there is no picture."""
    at, view = what.view.at, what.view
    lines = [
        f"Pointed at in the preview of commit {build.commit[:12]} (what stands in quotes are the page's own words):",
        f'- page "{what.page}", on a screen of {view.width} × {view.height}',
        f'- element "{what.element}"' + (f', role "{what.role}"' if what.role else ""),
        *((f'- its text "{what.text}"',) if what.text else ()),
        f"- at {at[0]}, {at[1]}; {at[2]} × {at[3]} large",
        f"- no screenshot: {note}" if note else "- the screenshot has it outlined",
    ]
    return "\n".join(lines)


@dataclass(frozen=True, kw_only=True)
class Pointing:
    """Makes the reply. One browser at a time."""

    servers: Servers | None
    lock: anyio.Lock

    async def point(self, service: Local, task: Task, build: Build, form: Form, id: str) -> None:
        """Replies as the request of that id. Raises what a reply raises."""
        words = form["text"].strip()
        if not words:
            raise Usage("there are no words in it", "say in a sentence what should be different")
        if build.task != task.id:
            raise Usage("this build is of another task", "open it from its own task")
        what = pointed(form)
        decision = await service.app.ports.policy.ask(service.person, Act.STEER, task.repository, task)
        if not decision.allowed:
            raise NotAllowed(decision.reason)
        images = tuple[Image, ...]()
        if what is not None:
            shot = await self._shot(service, build, what)
            if shot.picture:
                images = (await service.add_image("pointed-at.png", shot.picture),)
            words += "\n\n" + described(build, what, "" if shot.picture else shot.note or "none could be taken")
        await service.reply(task.id, Reply(text=words, images=images), id=id)

    async def _shot(self, service: Local, build: Build, what: Pointed) -> Shot:
        """The page as Honk's own browser sees it, which knows nobody; never the reason why words are not heard."""
        ports = service.app.ports
        if ports.camera is None:
            return Shot(note="screenshots are switched off here")
        shown = ports.artifacts.path(build.digest)
        if isinstance(build.server, AppServer):
            socket = self.servers.standing(build.id).socket if self.servers is not None else None
            if socket is None:
                return Shot(note="the app's own server does not run any more")
            shown = socket
        try:
            with anyio.fail_after(_PATIENCE):
                async with self.lock:
                    return await ports.camera.point(shown, what.page.lstrip("/"), what.view)
        except TimeoutError:
            return Shot(note=f"none came within {_PATIENCE:.0f} s")
        except (HonkError, OSError) as error:
            return Shot(note=shortened(str(error), 200))


def _words(text: str, limit: int) -> str:
    """One line without what hides or reorders, and without what ends a quotation."""
    return visible(one_line(text[: limit * 4])).replace('"', "'").strip()[:limit]


def _number(text: str) -> int:
    if not _NUMBER.fullmatch(text):
        raise Usage("the preview does not say where on the screen this is", "point at it again")
    return int(text)

"""`/b/<build>/<kind>/<expiry>-<signature>/…`: an app for a phone that is not signed in to Honk.

The page, the manifest that an iPhone asks for, the package and the icon. GET of the page changes nothing, so that
link previews are harmless; a package that is fetched from its beginning is counted. What an agent made comes with
a policy that gives it no rights, as previews do.
"""

import plistlib
import re
from dataclasses import dataclass
from typing import Any

import anyio.to_thread
from starlette.requests import Request
from starlette.responses import FileResponse, Response

from honk.domain.build import Build
from honk.domain.install_link import opened, path_of
from honk.domain.task import Task
from honk.doors.web.attachments import disposition
from honk.doors.web.device_page import DevicePage
from honk.doors.web.offers import offer
from honk.doors.web.rendering import HEADERS, page, problem
from honk.ports import Ports

PATH = "/b/{build}/{kind}/{sealed}/{name:path}"
_OURS = {**HEADERS, "Referrer-Policy": "no-referrer"}
#: Bytes that an agent made: no rights, and nobody keeps a copy on the way.
_THEIRS = {
    **_OURS,
    "Content-Security-Policy": "default-src 'none'; sandbox; frame-ancestors 'none'",
    "Cache-Control": "private, no-store",
}
_TYPES = {
    "apk": "application/vnd.android.package-archive",
    "aab": "application/octet-stream",
    "ipa": "application/octet-stream",
}
_FROM_THE_BEGINNING = re.compile(r"\s*bytes\s*=\s*0+-.*", re.IGNORECASE)
_NOT_COMPLETE = ("There is nothing here", "The address is not complete, or was altered.")
_EXPIRED = ("This link has expired", "Take the link from its task again.")
_ENDED = ("This link no longer works", "Somebody ended the links to this build. Take a new one from its task.")
_GONE = ("This version is gone", "Its files are no longer kept.")


@dataclass(frozen=True, kw_only=True)
class InstallPage:
    """What signed links open. Nobody is asked who they are: the link is the right."""

    ports: Ports
    devices: DevicePage

    async def answer(self, request: Request) -> Response:
        """Says of a wrong link no more than of a build that never was."""
        found = await self._found(request)
        if isinstance(found, Response):
            return found
        kind = request.path_params["kind"]
        if kind == "page":
            return await self._page(request, found)
        if kind == "manifest":
            return await self._manifest(request, found)
        if kind == "device":
            return await self.devices.get(request, found)
        return await (self._icon(request, found) if kind == "icon" else self._package(request, found))

    async def told(self, request: Request) -> Response:
        """What a phone answers, and the forms of the page that asks it."""
        found = await self._found(request)
        if isinstance(found, Response):
            return found
        if request.path_params["kind"] != "device":
            return _sorry(request, 405, "There is nothing to do here", "Open the install page.")
        return await self.devices.post(request, found)

    async def _found(self, request: Request) -> Build | Response:
        """The build whose link it is; or what is said in its place."""
        kind, sealed = request.path_params["kind"], request.path_params["sealed"]
        build = await self.ports.records.find_build(request.path_params["build"])
        if build is None:
            return _sorry(request, 404, *_NOT_COMPLETE)
        found = opened(build, kind, sealed, self.ports.previews.seal, self.ports.clock())
        if found == "wrong":
            return _sorry(request, 404, *_NOT_COMPLETE)
        if found != "open":
            return _sorry(request, 410, *(_EXPIRED if found == "expired" else _ENDED))
        if build.package is None or not self.ports.artifacts.path(build.package.digest).is_file():
            return _sorry(request, 410, *_GONE)
        return build

    async def _page(self, request: Request, build: Build) -> Response:
        shown = await offer(build, await self._task(build), request.headers.get("user-agent", ""), ports=self.ports)
        if shown is None:
            return _sorry(request, 410, *_GONE)
        answer = page(request, "install.html", offer=shown, stands=self.devices.stands(request, build))
        answer.headers.update(_OURS)
        return answer

    async def _task(self, build: Build) -> Task:
        return await self.ports.tasks.get(build.task)

    async def _manifest(self, request: Request, build: Build) -> Response:
        """What the system of an iPhone reads before it fetches the package."""
        package, previews = build.package, self.ports.previews
        now = self.ports.clock()
        address = previews.page(path_of(build, "package", previews.seal, now)) or ""
        if package is None or package.facts is None or package.form != "ipa" or not address.startswith("https:"):
            return _sorry(request, 404, "This cannot be installed", "The page of this build says why.")
        facts = package.facts
        assets: list[dict[str, Any]] = [{"kind": "software-package", "url": address}]
        if package.icon and (icon := previews.page(path_of(build, "icon", previews.seal, now))):
            assets.append({"kind": "display-image", "url": icon})
        about = {
            "bundle-identifier": facts.id,
            "bundle-version": facts.version,
            "kind": "software",
            "title": facts.name or build.name or facts.id,
        }
        content = plistlib.dumps({"items": [{"assets": assets, "metadata": about}]})
        return Response(content, media_type="text/xml", headers=_THEIRS)

    async def _icon(self, request: Request, build: Build) -> Response:
        digest = build.package.icon if build.package is not None else ""
        path = self.ports.artifacts.path(digest) if digest else None
        if path is None or not path.is_file():
            return _sorry(request, 404, "There is no icon", "The app has none that can be shown.")
        content = await anyio.to_thread.run_sync(path.read_bytes)
        media_type = "image/png" if content.startswith(b"\x89PNG") else "image/webp"
        return Response(content, media_type=media_type, headers=_THEIRS)

    async def _package(self, request: Request, build: Build) -> Response:
        package = build.package
        assert package is not None
        etag = f'"{package.digest}"'
        headers = {**_THEIRS, **disposition(f"{build.name or 'app'}-{build.version}.{package.form}"), "ETag": etag}
        if request.headers.get("if-none-match") == etag:
            return Response(status_code=304, headers=headers)
        wanted = request.headers.get("range", "")
        if request.method == "GET" and (not wanted or _FROM_THE_BEGINNING.fullmatch(wanted)):
            await self.ports.records.count_fetched(build.id)
        return FileResponse(self.ports.artifacts.path(package.digest), media_type=_TYPES[package.form], headers=headers)


def _sorry(request: Request, status: int, title: str, detail: str) -> Response:
    answer = problem(request, status, title, detail)
    answer.headers.update(_OURS)
    return answer

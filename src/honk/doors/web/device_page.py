"""`/b/<build>/device/<seal>/…`: whether this iPhone may install the build, and its identifier (UDID) for who asks.

    GET  …/                    what comes of it, before anything does
    GET  …/find.mobileconfig   a profile, to which the phone answers
    POST …/answer              the phone's answer; it opens the browser again at …/found/<token>
    GET  …/found/<token>       the identifier, and whether it is in the build's profile
    POST …/keep, …/forget      kept on this phone alone, in a cookie, because the person pressed the button

The server keeps nothing: what is found travels in the address and in the cookie, sealed with a key that only this
home has, and for this build or this browser alone.
"""

import base64
import json
import os
import plistlib
import uuid
from dataclasses import asdict, dataclass
from datetime import timedelta
from typing import Any

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from honk.domain.app_package import Profile
from honk.domain.build import Build
from honk.domain.install_link import path_of
from honk.doors.web.phone_answer import LARGEST, Phone, Unreadable, read_answer
from honk.doors.web.rendering import HEADERS, page, problem
from honk.doors.web.signing_in import Sessions
from honk.ports import Ports

_OURS = {**HEADERS, "Referrer-Policy": "no-referrer"}
_COOKIE = "honk-device"
#: for how long what was found can be looked at, a phone may answer, and the phone keeps it
_FOUND, _KEPT = timedelta(minutes=30), timedelta(days=180)
_PROFILE = "application/x-apple-aspen-config"


def asks_for_devices(build: Build) -> Profile | None:
    """The profile that names the devices onto which the build may come; None where there is none."""
    facts = build.package.facts if build.package is not None else None
    profile = facts.profile if facts is not None and not facts.simulator else None
    return profile if profile is not None and profile.kind in {"ad hoc", "development"} else None


@dataclass(frozen=True, kw_only=True)
class DevicePage:
    """The helper for a phone's identifier. Nobody is asked who they are: the link is the right."""

    ports: Ports
    sessions: Sessions
    #: 32 bytes that only this home has
    key: bytes

    def stands(self, request: Request, build: Build) -> str:
        """Of the phone that looks: "in" or "out" of the build's profile; "unknown"; "" where that does not matter."""
        if (profile := asks_for_devices(build)) is None:
            return ""
        phone = self._kept(request)
        return "unknown" if phone is None else _within(profile, phone)

    async def get(self, request: Request, build: Build) -> Response:
        """One of the pages, or the profile."""
        name = request.path_params["name"]
        profile = asks_for_devices(build)
        if profile is None:
            return _sorry(request, 404, "There is nothing to find out", "This version asks for no device.")
        if name == "find.mobileconfig":
            return self._asking(request, build)
        if not name:
            return self._page(request, build, self._kept(request), kept=True)
        token = name.removeprefix("found/")
        phone = self._opened(token, build.id) if token != name else None
        if phone is None:
            return _sorry(request, 404, "There is nothing here", "It was found out too long ago: ask the phone again.")
        return self._page(request, build, phone, token=token)

    async def post(self, request: Request, build: Build) -> Response:
        """The phone's answer; or one of the two forms."""
        name, there = request.path_params["name"], self._path(build)
        if asks_for_devices(build) is None or name not in {"answer", "keep", "forget"}:
            return _sorry(request, 404, "There is nothing here", "This version asks for no device.")
        if name == "answer":
            return await self._answered(request, build)
        form = await self.sessions.form(request)
        if form is None:
            return _sorry(request, 403, "Nothing was done", "This form was not filled in here. Please try again.")
        answer = RedirectResponse(there, status_code=303, headers=_OURS)
        if name == "forget":
            answer.delete_cookie(_COOKIE, path="/b", secure=self.sessions.secure, httponly=True, samesite="lax")
            return answer
        phone = self._opened(form.get("token", ""), build.id)
        if phone is None:
            return _sorry(request, 404, "There is nothing here", "It was found out too long ago: ask the phone again.")
        kept = self._sealed(phone, "kept", _KEPT)
        seconds = int(_KEPT.total_seconds())
        answer.set_cookie(_COOKIE, kept, seconds, path="/b", secure=self.sessions.secure, httponly=True, samesite="lax")
        return answer

    def _path(self, build: Build) -> str:
        return path_of(build, "device", self.ports.previews.seal, self.ports.clock())

    def _page(
        self, request: Request, build: Build, phone: Phone | None, *, kept: bool = False, token: str = ""
    ) -> Response:
        profile, address = asks_for_devices(build), self.ports.previews.page(self._path(build)) or ""
        assert profile is not None
        nonce = self.sessions.fresh_nonce(request)
        answer = page(
            request,
            "device.html",
            build=build,
            phone=phone,
            kept=kept and phone is not None,
            stands="" if phone is None else _within(profile, phone),
            token=token,
            path=self._path(build),
            asks=address.startswith("https:"),
            install=path_of(build, "page", self.ports.previews.seal, self.ports.clock()),
            nonce=nonce,
        )
        answer.headers.update(_OURS)
        if nonce != self.sessions.form_nonce(request):
            self.sessions.remember(answer, nonce)
        return answer

    def _asking(self, request: Request, build: Build) -> Response:
        """https://developer.apple.com/documentation/devicemanagement/profile-service (Profile Service payload)"""
        path = self._path(build)
        address = self.ports.previews.page(f"{path}answer") or ""
        if not address.startswith("https:"):
            said = "An iPhone answers only to an https address whose certificate it trusts, and this Honk has none."
            return _sorry(request, 404, "This phone cannot be asked", said)
        name = build.name or "this version"
        asked: dict[str, Any] = {
            "PayloadContent": {
                "URL": address,
                "DeviceAttributes": ["UDID", "PRODUCT", "VERSION"],
                "Challenge": self._challenge(build, path.split("/")[4]),
            },
            "PayloadDisplayName": f"Is this iPhone allowed to install {name[:60]}?",
            "PayloadDescription": "Tells Honk the identifier of this iPhone once, and changes nothing.",
            "PayloadOrganization": "Honk",
            "PayloadIdentifier": "honk.device",
            "PayloadUUID": str(uuid.uuid4()),
            "PayloadVersion": 1,
            "PayloadType": "Profile Service",
        }
        return Response(plistlib.dumps(asked), media_type=_PROFILE, headers=_OURS)

    async def _answered(self, request: Request, build: Build) -> Response:
        content = bytearray()
        async for piece in request.stream():
            content += piece
            if len(content) > LARGEST:
                return _sorry(request, 413, "Nothing was done", "It is larger than any phone's answer.")
        try:
            phone = read_answer(bytes(content), self._challenge(build, request.path_params["sealed"]))
        except Unreadable as error:
            return _sorry(request, 400, "This is no phone's answer", f"{error}.".capitalize())
        # a phone follows exactly this status, and opens its browser there
        to = self.ports.previews.page(f"{self._path(build)}found/{self._sealed(phone, build.id, _FOUND)}")
        return RedirectResponse(to or self._path(build), status_code=301, headers=_OURS)

    def _challenge(self, build: Build, link: str) -> str:
        """Bound to the build and the seal of the link, which the phone answers to."""
        return self.ports.previews.seal(f"device {build.id} {link}")

    def _kept(self, request: Request) -> Phone | None:
        return self._opened(request.cookies.get(_COOKIE, ""), "kept")

    def _sealed(self, phone: Phone, purpose: str, lasts: timedelta) -> str:
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM  # only who asks a phone pays for it

        until = int((self.ports.clock() + lasts).timestamp())
        nonce, words = os.urandom(12), json.dumps({**asdict(phone), "until": until}).encode()
        sealed = nonce + AESGCM(self.key).encrypt(nonce, words, purpose.encode())
        return base64.urlsafe_b64encode(sealed).decode().rstrip("=")

    def _opened(self, token: str, purpose: str) -> Phone | None:
        from cryptography.exceptions import InvalidTag
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM

        if not 40 < len(token) < 1000 or not token.isascii():
            return None
        try:
            sealed = base64.urlsafe_b64decode(token + "=" * (-len(token) % 4))
            found = json.loads(AESGCM(self.key).decrypt(sealed[:12], sealed[12:], purpose.encode()))
        except (InvalidTag, ValueError):
            return None
        if found.pop("until") <= self.ports.clock().timestamp():
            return None
        return Phone(**found)


def _within(profile: Profile, phone: Phone) -> str:
    known = {one.casefold() for one in profile.devices}
    return "in" if phone.udid.casefold() in known else "out"


def _sorry(request: Request, status: int, title: str, detail: str) -> Response:
    answer = problem(request, status, title, detail)
    answer.headers.update(_OURS)
    return answer

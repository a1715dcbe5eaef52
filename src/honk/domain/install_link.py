"""Links by which a phone that is not signed in gets an app, each signed for one build, one kind and one date.

    /b/<build>/<kind>/<expiry>-<signature>/<name>

The signature stands in the path: the system of an iPhone fetches such addresses itself, without cookies. Under
which name a file is asked for does not matter.
"""

import hmac
import re
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Literal

from honk.domain.build import Build

Kind = Literal["page", "manifest", "package", "icon", "device"]
KINDS: tuple[Kind, ...] = ("page", "manifest", "package", "icon", "device")
#: for how long a link is good, counted from the end of the day: within a day it stays the same
HELD: dict[Kind, timedelta] = {
    "page": timedelta(days=14),
    "manifest": timedelta(days=1),
    "package": timedelta(days=1),
    "icon": timedelta(days=1),
    "device": timedelta(days=1),
}
_NAMES: dict[Kind, str] = {"page": "", "manifest": "manifest.plist", "package": "", "icon": "icon", "device": ""}
_SEAL = re.compile(r"([0-9a-f]{1,10})-([a-z2-7]{20})")
_DAY = 86_400
#: Earlier signatures that are looked for, to say that a link was ended.
_FORMER = 100

#: A signature that only this home can make.
Seal = Callable[[str], str]
Answer = Literal["open", "expired", "ended", "wrong"]


def path_of(build: Build, kind: Kind, seal: Seal, now: datetime) -> str:
    """The link without its origin. It ends when it expires, or somebody ends the links to this build."""
    until = (int(now.timestamp()) // _DAY + 1) * _DAY + int(HELD[kind].total_seconds())
    expiry = f"{until:x}"
    name = f"app.{build.package.form}" if kind == "package" and build.package is not None else _NAMES[kind]
    return f"/b/{build.id}/{kind}/{expiry}-{seal(_words(build.id, kind, expiry, build.revoked))}/{name}"


def opened(build: Build, kind: str, sealed: str, seal: Seal, now: datetime) -> Answer:
    """What such a link opens: it says that it expired or was ended only of what Honk once signed."""
    match = _SEAL.fullmatch(sealed)
    if match is None or kind not in KINDS:
        return "wrong"
    expiry, signature = match.groups()

    def signed(generation: int) -> bool:
        return hmac.compare_digest(seal(_words(build.id, kind, expiry, generation)), signature)

    if signed(build.revoked):
        return "open" if int(expiry, 16) > now.timestamp() else "expired"
    former = range(max(build.revoked - _FORMER, 0), build.revoked)
    return "ended" if any(signed(one) for one in former) else "wrong"


def _words(build: str, kind: str, expiry: str, generation: int) -> str:
    return f"{build} {kind} {expiry} {generation}"

"""What an install page offers: how the app comes onto a phone, or why it does not, and what to know before."""

import io
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import quote

import segno
from markupsafe import Markup

from honk.domain.app_package import AppFacts, AppPackage
from honk.domain.build import Build
from honk.domain.channel import Seen
from honk.domain.event import AgentFinished, BuildReady, Event
from honk.domain.install_link import path_of
from honk.domain.stamp import missed
from honk.domain.task import Task
from honk.domain.verdict import Verdict
from honk.doors.web.device_page import asks_for_devices
from honk.ports import Ports
from honk.views import what_to_try

_NO_HTTPS = (
    "An iPhone installs only from an https address whose certificate it trusts, and this Honk has none: "
    "set public_url (docs/howto/reach-it-from-a-phone.md)."
)
#: Browsers within other apps, in which a tap on Install may do nothing.
_WITHIN = re.compile(r"Slack|FBAN|FBAV|Instagram|Line/|MicroMessenger|LinkedInApp|Teams|GSA/|; wv\)", re.IGNORECASE)
_EVENTS = 1_000_000


@dataclass(frozen=True, kw_only=True, slots=True)
class Way:
    """A channel that took the build, and how it stands there."""

    title: str
    seen: Seen


@dataclass(frozen=True, kw_only=True, slots=True)
class Offer:
    """One build of an app for phones, as both of its pages show it."""

    build: Build
    package: AppPackage
    task: Task
    asked_by: str
    verdict: Verdict | None
    name: str
    #: what to try, in the agent's words; "" where it wrote none
    tried: str
    made_at: datetime | None
    #: address of the icon; "" where there is none
    icon: str
    #: what the button leads to; "" where no phone can install it, and `obstacle` says why
    install: str
    obstacle: str
    #: the file itself
    download: str
    notices: tuple[str, ...]
    #: which browser to open the page in, where it is open in one within another app
    browser: str
    #: of the page for a phone that is not signed in; None while nobody serves
    link: str | None
    #: the same for a camera; None where a phone cannot follow it
    code: Markup | None
    #: what of Honk's number, version and name the app does not carry
    missed: tuple[str, ...]
    #: leads to the page that tells whether a phone is in the profile; "" where it names none
    device: str
    #: other ways by which people get it
    channels: tuple[Way, ...]


async def offer(build: Build, task: Task, agent: str, *, ports: Ports) -> Offer | None:
    """None where it is no app for a phone, or its file is no longer kept. `agent` is what the browser calls itself."""
    package = build.package
    if package is None or not ports.artifacts.path(package.digest).is_file():
        return None
    now, seal = ports.clock(), ports.previews.seal
    log = await ports.events.read(task.id, limit=_EVENTS)
    link, download = await ports.previews.show(build), path_of(build, "package", seal, now)
    install, obstacle = download, package.obstacle(now)
    if package.form == "ipa":
        manifest = ports.previews.page(path_of(build, "manifest", seal, now)) or ""
        obstacle = obstacle or ("" if manifest.startswith("https:") else _NO_HTTPS)
        install = f"itms-services://?action=download-manifest&url={quote(manifest, safe='')}"
    person = await ports.tasks.get_person(task.requested_by)
    kept = bool(package.icon) and ports.artifacts.path(package.icon).is_file()
    return Offer(
        build=build,
        package=package,
        task=task,
        asked_by=person.name,
        verdict=await ports.records.verdict(task.id, build.commit),
        name=build.name or task.repository.name,
        tried=tried(log),
        made_at=_made_at(build, log),
        icon=path_of(build, "icon", seal, now) if kept else "",
        install="" if obstacle else install,
        obstacle=obstacle,
        download=download,
        notices=tuple(_notices(package)),
        browser=_browser(agent) if _WITHIN.search(agent) else "",
        link=link,
        code=qr_code(link) if link and not ports.previews.hint() else None,
        missed=missed(build.stamp, package.facts) if build.stamp is not None and package.facts is not None else (),
        device=path_of(build, "device", seal, now) if asks_for_devices(build) is not None else "",
        channels=await ways(build, ports=ports),
    )


async def ways(build: Build, *, ports: Ports) -> tuple[Way, ...]:
    """The channels that took the build, as they stand now."""
    now, offers = ports.clock(), await ports.offers.offers(build.id)
    return tuple(Way(title=one.title, seen=one.stands(now)) for one in offers)


def qr_code(link: str) -> Markup:
    """A QR code of the link, as a picture within the page."""
    out = io.BytesIO()
    segno.make(link, error="m", micro=False).save(
        out, kind="svg", scale=5, border=4, light="#fff", xmldecl=False, svgns=False, omitsize=False, nl=False
    )
    return Markup(out.getvalue().decode())


def tried(log: tuple[Event, ...]) -> str:
    """What to try, in the agent's last words; "" where it wrote none."""
    said = (event.data.summary for event in reversed(log) if isinstance(event.data, AgentFinished))
    return what_to_try(next(said, ""))


def _made_at(build: Build, log: tuple[Event, ...]) -> datetime | None:
    told = (event.at for event in log if isinstance(event.data, BuildReady) and event.data.build == build.id)
    return next(told, None)


def _browser(agent: str) -> str:
    if "Android" in agent:
        return "Chrome"
    return "Safari" if re.search(r"iPhone|iPad|Macintosh", agent) else "your phone's own browser"


def _notices(package: AppPackage) -> Iterator[str]:
    facts = package.facts
    if package.form == "apk":
        yield "The first time, Android asks whether this browser may install unknown apps: allow it once."
        yield "Android refuses it where a version is installed that another key has signed: remove that one first."
        if facts is not None and facts.debuggable:
            yield "It is a debug build."
    if package.form == "ipa" and facts is not None:
        yield from _of_profile(facts)


def _of_profile(facts: AppFacts) -> Iterator[str]:
    profile = facts.profile
    if profile is None:
        return
    if profile.kind in {"ad hoc", "development"}:
        count = len(profile.devices)
        yield f"Only the {count} device{'' if count == 1 else 's'} that its profile names can install it."
    if profile.kind == "development":
        yield "Developer Mode must be on (Settings › Privacy & Security; iOS 16 and later)."
    if profile.kind == "enterprise":
        yield (
            "The first time, trust the developer in Settings › General › VPN & Device Management; "
            "since iOS 18 the phone restarts for it."
        )
    yield "After the tap the app appears on the home screen; Safari itself shows nothing."

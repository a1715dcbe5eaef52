"""`honk doctor`: tries what can fail later, before it does."""

import asyncio
import shutil
from collections.abc import Mapping
from pathlib import Path

import sqlalchemy as sa

from honk.adapters.chromium.camera import FFMPEG, PLACES
from honk.adapters.pages import Addresses
from honk.adapters.pages.reach import check
from honk.adapters.sql import SqlStore
from honk.doors.cli.house import Diagnosis
from honk.errors import HonkError
from honk.settings import Settings
from honk.wiring.channels import made
from honk.wiring.doctor_workers import workers
from honk.wiring.place import make_home, registries_of, sandboxes_of


class Doctor:
    """Implements honk.doors.cli.house.Caretaker: tries what can fail later, even where Honk cannot be opened."""

    def __init__(self, environ: Mapping[str, str] | None = None) -> None:
        self._environ = environ

    def settings_path(self) -> Path:
        """Where honk.toml is, or would be."""
        environ = dict(self._environ) if self._environ is not None else None
        return Settings.locate(environ)

    async def diagnose(self) -> tuple[Diagnosis, ...]:
        """Settings first; nothing else can be tried while they are wrong."""
        try:
            settings = Settings.load(self._environ)
            make_home(settings.home)
        except HonkError as error:
            return (Diagnosis(name="settings", ok=False, detail=error.message, remedy=error.remedy),)
        found = [Diagnosis(name="settings", ok=True, detail=str(settings.path))]
        found += await _walls(settings)
        found += [await _git(), await _store(settings), _key(settings), _disk(settings), _node()]
        found += _camera(settings)
        found += [await _public_url(settings)]
        found += await _slack(settings)
        found += await _github(settings)
        found += await workers(settings)
        found += _channels(settings)
        found += [
            Diagnosis(name="package registries", ok=False, detail=refusal, required=False)
            for refusal in registries_of(settings).refusals
        ]
        return tuple(found)


async def _walls(settings: Settings) -> list[Diagnosis]:
    try:
        walls = await sandboxes_of(settings).probe()
    except HonkError as error:
        return [Diagnosis(name="sandbox", ok=False, detail=error.message, remedy=error.remedy)]
    return [
        Diagnosis(name=f"sandbox: {wall.name}", ok=wall.holds, detail=wall.detail, required=wall.required)
        for wall in walls
    ]


def _channels(settings: Settings) -> list[Diagnosis]:
    """Whether each can be made; a channel itself is asked when there is a build."""
    found = []
    for name, one in settings.file.channels.items():
        try:
            title = made(name, one).title
        except HonkError as error:
            found.append(_unmade(name, error))
            continue
        found.append(Diagnosis(name=f"channel {name}", ok=True, detail=title, required=False))
    return found


def _unmade(name: str, error: HonkError) -> Diagnosis:
    return Diagnosis(name=f"channel {name}", ok=False, detail=error.message, remedy=error.remedy, required=False)


async def _public_url(settings: Settings) -> Diagnosis:
    name, public = "public address", settings.file.public_url
    if not public:
        detail = "public_url is not set: only this machine, or its network, can open pages and builds"
        remedy = "docs/howto/reach-it-from-a-phone.md"
        return Diagnosis(name=name, ok=False, detail=detail, remedy=remedy, required=False)
    found = await check(Addresses(settings.home, public))
    detail = found.detail if found.ok else f"{public}: {found.detail}"
    return Diagnosis(name=name, ok=found.ok, detail=detail, remedy=found.remedy, required=False)


async def _slack(settings: Settings) -> list[Diagnosis]:
    from honk.wiring.doctor_slack import slack  # whoever opens a Honk loads this module, and need not load Slack's

    return await slack(settings)


async def _github(settings: Settings) -> list[Diagnosis]:
    from honk.wiring.doctor_github import github  # the same

    return await github(settings)


async def _git() -> Diagnosis:
    name, remedy = "git", "install git 2.38 or newer: sudo apt-get install git"
    if shutil.which("git") is None:
        return Diagnosis(name=name, ok=False, detail="not found", remedy=remedy)
    process = await asyncio.create_subprocess_exec("git", "--version", stdout=asyncio.subprocess.PIPE)
    words = (await process.communicate())[0].decode().split()
    version = words[2] if len(words) > 2 else "?"
    numbers = tuple(int(part) for part in version.split(".")[:2] if part.isdigit())
    return Diagnosis(name=name, ok=numbers >= (2, 38), detail=version, remedy=remedy)


async def _store(settings: Settings) -> Diagnosis:
    try:
        async with SqlStore(settings.database):
            shown = sa.make_url(settings.database).render_as_string(hide_password=True)
            return Diagnosis(name="store", ok=True, detail=shown.removeprefix("sqlite:///"))
    except HonkError as error:
        return Diagnosis(name="store", ok=False, detail=error.message, remedy=error.remedy)


def _key(settings: Settings) -> Diagnosis:
    remedy = "set ANTHROPIC_API_KEY or ANTHROPIC_AUTH_TOKEN (docs/howto/gateway-or-local-model.md)"
    detail = f"for {settings.file.model.base_url}" if settings.has_key else "none is set: only `honk demo` works"
    return Diagnosis(name="key of the model", ok=settings.has_key, detail=detail, remedy=remedy, required=False)


def _disk(settings: Settings) -> Diagnosis:
    free = shutil.disk_usage(settings.home).free
    remedy = "free some space, or run honk gc"
    return Diagnosis(name="disk", ok=free > 2 << 30, detail=f"{free / 1e9:.1f} GB free", remedy=remedy, required=False)


def _camera(settings: Settings) -> list[Diagnosis]:
    """What screenshots and films need, as far as they are wanted."""
    work, found = settings.file.work, []
    if work.screenshots:
        browser = next((one for one in PLACES if one.is_file()), None)
        remedy, detail = "for screenshots of web builds: sudo apt-get install chromium", str(browser or "not found")
        found.append(Diagnosis(name="Chromium", ok=browser is not None, detail=detail, remedy=remedy, required=False))
    if work.screenshots and work.video:
        there, remedy = FFMPEG.is_file(), "for films of web builds: sudo apt-get install ffmpeg"
        detail = str(FFMPEG) if there else "not found: screenshots come without a film"
        found.append(Diagnosis(name="ffmpeg", ok=there, detail=detail, remedy=remedy, required=False))
    return found


def _node() -> Diagnosis:
    node = shutil.which("node", path="/usr/local/bin:/usr/bin:/bin")
    remedy = "for repositories in JavaScript: sudo apt-get install nodejs npm"
    return Diagnosis(name="Node.js", ok=node is not None, detail=node or "not found", remedy=remedy, required=False)

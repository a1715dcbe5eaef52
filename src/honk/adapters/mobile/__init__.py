"""A file → what it is, read by a program within a sandbox that has no network and little memory."""

import base64
import io
import tempfile
import zipfile
from dataclasses import replace
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Literal

import anyio
from pydantic import BaseModel, ConfigDict, ValidationError

from honk.domain.app_package import AppFacts
from honk.domain.text import shortened, visible
from honk.ports import Bounds, Box, Mount, Ran, Reading, Sandboxes

_BOUNDS = Bounds(memory=1 << 30, processes=16, file_size=64 << 20, temporary=64 << 20)
_SECONDS = 40.0
#: bytes of what the program says: the facts, and the icon in base64
_LARGEST = 2 << 20
_FILE, _PROGRAM = "/honk/package", "read.pyz"
_START = "import sys\nfrom inside.reading import main\nmain(sys.argv[1])\n"
#: characters of anything that an app calls itself
_LONGEST = 200


class _Said(BaseModel):
    """What the program prints: it has read something hostile, so its words are not trusted either."""

    model_config = ConfigDict(extra="ignore")

    form: Literal["apk", "aab", "ipa", "zip", "tar", ""]
    facts: AppFacts | None = None
    icon: str = ""
    unread: str = ""


class SandboxedPackages:
    """Implements ports.Packages."""

    def __init__(self, sandboxes: Sandboxes, home: Path) -> None:
        self._sandboxes = sandboxes
        self._home = home

    async def read(self, file: Path) -> Reading:
        root = self._home / "checkouts"
        root.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=root, prefix="package-", ignore_cleanup_errors=True) as name:
            room = Path(name)
            (room / _PROGRAM).write_bytes(_program())
            (room / _PROGRAM).chmod(0o444)
            self._sandboxes.own(room)
            python = str(await anyio.to_thread.run_sync(self._sandboxes.runtime, "python"))
            box = Box(
                workspace=room,
                mounts=(Mount(source=file, target=_FILE),),
                bounds=_BOUNDS,
                read_only_workspace=True,
            )
            async with self._sandboxes.open(box) as sandbox:
                program = (python, "-I", f"/workspace/{_PROGRAM}", _FILE)
                ran = await sandbox.run(program, seconds=_SECONDS, output_limit=_LARGEST)
        return reading_of(ran)


@cache
def _program() -> bytes:
    """The readers as one file that Python runs."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("__main__.py", _START)
        for one in resources.files("honk.adapters.mobile.inside").iterdir():
            if one.name.endswith(".py"):
                archive.writestr(f"inside/{one.name}", one.read_bytes())
    return out.getvalue()


def reading_of(ran: Ran) -> Reading:
    """What the program said, as far as it can be believed."""
    if ran.exit_code is None:
        return Reading(unread=f"reading it took longer than {_SECONDS:.0f} s")
    if ran.exit_code != 0 or ran.cut:
        return Reading(unread=ran.ended or "reading it broke off: it needs more than it may have")
    try:
        said = _Said.model_validate_json(ran.stdout)
        icon = base64.b64decode(said.icon, validate=True)
        facts = None if said.facts is None else _shown(said.facts)
        return Reading(form=said.form, facts=facts, icon=icon, unread=_words(said.unread, 500))
    except (ValidationError, ValueError):
        return Reading(unread="what it says of itself is not what an app says")


def _shown(facts: AppFacts) -> AppFacts:
    """The same, of which nothing is longer than people read, or hides or reorders what stands beside it."""
    profile = facts.profile
    return replace(
        facts,
        id=_words(facts.id),
        name=_words(facts.name, 60),
        version=_words(facts.version, 40),
        number=_words(facts.number, 40),
        minimum=_words(facts.minimum, 20),
        target=_words(facts.target, 20),
        split=_words(facts.split),
        permissions=tuple(_words(one) for one in facts.permissions),
        profile=None if profile is None else replace(profile, name=_words(profile.name), team=_words(profile.team)),
    )


def _words(text: str, limit: int = _LONGEST) -> str:
    return visible(shortened(text, limit))

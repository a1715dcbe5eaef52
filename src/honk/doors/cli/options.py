"""Options that several commands share, and how what a person typed becomes domain values."""

import re
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from honk.domain.limits import Limits
from honk.domain.message import Image
from honk.domain.task import Options, Task
from honk.doors.cli.house import House
from honk.errors import Usage

#: What the model's API accepts as pictures, and how their files begin.
_IMAGE_TYPES = {
    "image/png": rb"\x89PNG\r\n\x1a\n",
    "image/jpeg": rb"\xff\xd8\xff",
    "image/gif": rb"GIF8[79]a",
    "image/webp": rb"RIFF....WEBP",
}
_IMAGE_LIMIT = 5 << 20

Json = Annotated[bool, typer.Option("--json", help="Print JSON, one document a line.")]
TaskName = Annotated[str, typer.Argument(help="The task's id, or the beginning of it.", metavar="TASK")]
ImageFiles = Annotated[
    list[Path] | None,
    typer.Option("--image", help="A picture that belongs to the words. May be repeated.", metavar="FILE"),
]


async def images(house: House, files: list[Path] | None) -> tuple[Image, ...]:
    """Stores the pictures. Raises Usage for a file that is none, is missing, or is too large."""
    found = []
    for file in files or []:
        try:
            if file.stat().st_size > _IMAGE_LIMIT:
                raise Usage(f"{file} is larger than {_IMAGE_LIMIT >> 20} MiB", "give a smaller picture")
            content = file.read_bytes()
        except OSError as exc:
            raise Usage(f"{file} cannot be read: {exc.strerror}", "check the path of the picture") from exc
        kinds = [kind for kind, begin in _IMAGE_TYPES.items() if re.match(begin, content, re.DOTALL)]
        if not kinds:
            raise Usage(f"{file} is not a picture that the model reads", "give a PNG, JPEG, GIF or WebP file")
        digest = await house.app.ports.artifacts.put(content)
        found.append(Image(name=file.name, media_type=kinds[0], digest=digest))
    return tuple(found)


def with_defaults(house: House, asked: Options) -> Options:
    """The options, with the settings' values where the person said nothing."""
    defaults, limits = house.defaults, asked.limits
    return replace(
        asked,
        model=asked.model or (defaults.model or None if asked.agent == "claude" else None),
        limits=Limits(
            usd=defaults.limits.usd if limits.usd is None else limits.usd,
            calls=defaults.limits.calls if limits.calls is None else limits.calls,
            seconds=defaults.limits.seconds if limits.seconds is None else limits.seconds,
        ),
    )


async def find(house: House, name: str) -> Task:
    """The task whose id begins so; "last" or "-" is the newest."""
    if name in {"last", "-"}:
        newest = await house.app.ports.tasks.list(limit=1)
        if not newest:
            raise Usage("there is no task yet", 'honk run REPO "what should be different"')
        return newest[0]
    return await house.app.ports.tasks.get(name)

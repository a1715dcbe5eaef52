"""Options that several commands share, and how what a person typed becomes domain values."""

import re
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

import anyio
import typer

from honk.domain.message import File, Image
from honk.doors.cli.house import House
from honk.errors import Usage
from honk.service import FILE_LIMIT, GREATEST, IMAGE_LIMIT

Json = Annotated[bool, typer.Option("--json", help="Print JSON, one document a line.")]
TaskName = Annotated[str, typer.Argument(help="The task's id, or the beginning of it.", metavar="TASK")]
From = Annotated[int, typer.Option("--from", min=0, max=GREATEST, help="Begin after the event with this number.")]
AgentName = Annotated[
    str,
    typer.Option(
        help='"claude", or "command": the instruction is a shell command that makes the change.',
        metavar="claude|command",
    ),
]
MaxUsd = Annotated[float | None, typer.Option(min=0, help="Most that the model may cost, estimated.", metavar="USD")]
MaxCalls = Annotated[int | None, typer.Option(min=0, help="Most calls of the model.", metavar="N")]
Timeout = Annotated[
    float | None, typer.Option(min=1, help="Seconds that the agent may work a turn.", metavar="SECONDS")
]
VerifyCommands = Annotated[
    list[str] | None,
    typer.Option(help="Command that verifies, instead of the detected ones. May be repeated.", metavar="CMD"),
]
Plan = Annotated[
    bool | None,
    typer.Option(
        "--plan/--no-plan",
        help="A plan first: nothing is changed before `honk go`. --no-plan: none, whatever the default.",
    ),
]
ImageFiles = Annotated[
    list[Path] | None,
    typer.Option("--image", help="A picture that belongs to the words. May be repeated.", metavar="FILE"),
]
Files = Annotated[
    list[Path] | None,
    typer.Option("--file", help="A file that the agent may read. May be repeated.", metavar="FILE"),
]


async def files(house: House, paths: list[Path] | None) -> tuple[File, ...]:
    """Stores the files. Raises Usage for one that is missing, no file, or too large."""
    found = []
    for path in paths or []:
        try:
            if not path.is_file():
                raise Usage(f"{path} is no file", "give a file; of a folder, make an archive")
            if path.stat().st_size > FILE_LIMIT:
                raise Usage(f"{path} is larger than {FILE_LIMIT >> 20} MiB", "give the part of it that matters")
            found.append(await house.service.add_file(path.name, path))
        except OSError as exc:
            raise Usage(f"{path} cannot be read: {exc.strerror}", "check the path of the file") from exc
    return tuple(found)


async def images(house: House, files: list[Path] | None) -> tuple[Image, ...]:
    """Stores the pictures. Raises Usage for a file that is none, is missing, or is too large."""
    found = []
    for file in files or []:
        try:
            if file.stat().st_size > IMAGE_LIMIT:
                raise Usage(f"{file} is larger than {IMAGE_LIMIT >> 20} MiB", "give a smaller picture")
            content = file.read_bytes()
        except OSError as exc:
            raise Usage(f"{file} cannot be read: {exc.strerror}", "check the path of the picture") from exc
        found.append(await house.service.add_image(str(file), content))
    return tuple(found)


async def seen_from(house: House, repository: str) -> str:
    """The repository as whoever does the work can reach it. Raises Usage for a path that only this machine has."""
    is_url = "://" in repository or (":" in repository and not Path(repository).exists())
    if not house.server or is_url:
        return repository
    folder = Path(repository).expanduser().resolve()
    if urlsplit(house.server).hostname in {"127.0.0.1", "localhost", "::1"}:
        return str(folder)
    origin = await _origin(folder)
    raise Usage(
        f"{house.server} does the work, and does not see the folder {folder} of this machine",
        f"give an address that it can reach, such as {origin or 'https://host/owner/name'}",
    )


async def _origin(folder: Path) -> str:
    """Where the folder was cloned from, without a password; "" when that is not known."""
    try:
        with anyio.fail_after(5):
            done = await anyio.run_process(["git", "-C", str(folder), "remote", "get-url", "origin"], check=False)
    except (OSError, TimeoutError):
        return ""
    return re.sub(r"(?<=://)[^/@]*@", "", done.stdout.decode(errors="replace").strip())

"""A backup of a Honk that may be at work.

Order keeps it whole without stopping anybody. The journal is read before the store: a step that the
journal has not seen finish runs again, while one that it had and the store had not would be lost. Files
are read after both, references before the objects they name: nothing that is referred to is missing.
"""

import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import sqlalchemy as sa

from honk.adapters.backup.archive import MANIFEST, Writer, check
from honk.adapters.backup.rows import Kept, moment, tables_of, write_rows
from honk.errors import DiskFull, Usage

#: raised when older releases cannot read the file any more
FORMAT = 1
#: told what is being done, the bytes so far, and the bytes in all (0: not known)
Tell = Callable[[str, int, int], None]


@dataclass(frozen=True, kw_only=True, slots=True)
class Source:
    """What is backed up."""

    home: Path
    #: the journal first
    kept: tuple[Kept, ...]
    release: str
    schema: str
    #: honk.toml without secrets; "" for none
    settings: str = ""


def back_up(source: Source, path: Path, *, at: datetime, tell: Tell) -> int:
    """Writes the file, reads it back, and gives it its name; returns its size. Raises Usage for an existing one."""
    if path.exists():
        raise Usage(f"{path} exists already", "name another file: a backup never replaces one")
    folder = path.absolute().parent
    if not folder.is_dir():
        raise Usage(f"{folder} is no folder", "make it first")
    total = sum(size for _, size in _files(source)) + sum(_size(one) for one in source.kept)
    free = shutil.disk_usage(folder).free
    if free < total:
        raise DiskFull(f"{folder} has {free >> 20:,} MiB free, and the backup may need {total >> 20:,}", "free some")
    descriptor, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=folder)
    arriving = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as file:
            _write(source, file, at=at, tell=lambda done: tell("writing", done, total))
            file.flush()
            os.fsync(file.fileno())
        check(arriving, lambda done: tell("checking", done, total))
        try:
            # unlike a rename, a link never replaces what somebody put there meanwhile
            os.link(arriving, path)
        except FileExistsError:
            raise Usage(f"{path} exists already", "name another file: a backup never replaces one") from None
        _sync(folder)
        return path.stat().st_size
    finally:
        arriving.unlink(missing_ok=True)


def _write(source: Source, file: object, *, at: datetime, tell: Callable[[int], None]) -> None:
    writer = Writer(file, tell)  # type: ignore[arg-type]
    manifest = {
        "format": FORMAT,
        "release": source.release,
        "schema": source.schema,
        "at": at.isoformat(),
        "home": str(source.home),
    }
    writer.text(MANIFEST, json.dumps(manifest))
    with (
        tempfile.TemporaryDirectory(prefix="honk-backup-", dir=source.home) as scratch,
        moment(source.kept, Path(scratch)) as connections,
    ):
        for one in source.kept:
            _rows(writer, connections[one.name], one, Path(scratch))
    if source.settings:
        writer.text("home/honk.toml", source.settings)
    for folder, name in _trees(source.home):
        if name.startswith("home/tasks/"):
            writer.folder(folder.parent, name.removesuffix("/home"))
        writer.tree(folder, name, skip=_left_out, order=_references_first)
    writer.close()


def _rows(writer: Writer, connection: sa.Connection, kept: Kept, scratch: Path) -> None:
    for table in tables_of(connection, kept):
        with (scratch / "rows").open("w+b") as lines:
            write_rows(connection, table, lines)
            size = lines.tell()
            lines.seek(0)
            writer.stream(f"{kept.name}/{table.name}.jsonl", lines, size)


def _trees(home: Path) -> Iterator[tuple[Path, str]]:
    """The folders in the order in which they are read, with their names in the file."""
    for mirror in sorted(home.glob("repositories/*/mirror.git")):
        key = f"home/repositories/{mirror.parent.name}"
        if (mirror.parent / "head").is_file():
            yield mirror.parent, key
    yield home / "artifacts", "home/artifacts"
    for task in sorted(home.glob("tasks/*/home")):
        yield task, f"home/tasks/{task.parent.name}/home"
    yield home / "production", "home/production"


def _left_out(name: str) -> bool:
    parts = name.split("/")
    if parts[1] == "repositories" and len(parts) == 4:
        # beside mirror, base stores and head lie locks and what is kept ready
        return parts[3] not in {"mirror.git", "base", "head"}
    return parts[-1].endswith(".lock") or parts[-1].startswith(("arriving-", "tmp_", ".new-"))


def _references_first(folder: str) -> tuple[int, str]:
    """A mirror's refs come before its objects, and those before the ones it borrows: none can be missing."""
    return {"mirror.git": 0, "base": 2, "objects": 2}.get(folder, 1), folder


def _files(source: Source) -> Iterator[tuple[str, int]]:
    for folder, name in _trees(source.home):
        if not folder.is_dir():
            continue
        for top, _, files, descriptor in os.fwalk(folder, follow_symlinks=False):
            for entry in files:
                try:
                    yield f"{name}/{top}/{entry}", os.stat(entry, dir_fd=descriptor, follow_symlinks=False).st_size
                except FileNotFoundError:
                    continue


def _size(kept: Kept) -> int:
    return kept.sqlite.stat().st_size if kept.sqlite is not None and kept.sqlite.exists() else 0


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)

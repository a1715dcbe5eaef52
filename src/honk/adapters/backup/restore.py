"""A backup becomes a Honk again: checked first, made beside, then put in place."""

import shutil
import tarfile
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from honk.adapters.backup.archive import CHECKSUMS, MANIFEST, check, members
from honk.adapters.backup.rows import Kept, engine_of, read_rows, tables_of
from honk.adapters.backup.source import FORMAT, Tell
from honk.errors import NeedsHuman, Usage


@dataclass(frozen=True, kw_only=True, slots=True)
class Target:
    """Where it is restored to."""

    home: Path
    kept: tuple[Kept, ...]
    schema: str
    release: str
    #: makes the tables of that set: of the given schema of the backup, or the newest for None
    prepare: Callable[[str, str | None], None]


def restore(path: Path, target: Target, *, tell: Tell) -> dict[str, object]:
    """Raises Usage when the target is not empty, NeedsHuman for a damaged file or one of a newer release."""
    _only_if_empty(target)
    manifest = check(path, lambda done: tell("checking", done, 0))
    _only_if_known(path, manifest, target)
    target.home.mkdir(parents=True, exist_ok=True)
    arriving = Path(tempfile.mkdtemp(prefix=".restoring-", dir=target.home))
    made: list[Path] = []
    try:
        _extract(path, arriving, tell)
        for kept in target.kept:
            target.prepare(kept.name, str(manifest["schema"]))
            _load(arriving / kept.name, kept, (str(manifest["home"]), str(target.home)))
        _put_in_place(arriving / "home", target.home, made)
        for kept in target.kept:
            target.prepare(kept.name, None)
    except BaseException:
        _take_back(made, target)
        raise
    finally:
        shutil.rmtree(arriving, ignore_errors=True)
    return manifest


def _put_in_place(arrived: Path, home: Path, made: list[Path]) -> None:
    for entry in sorted(arrived.iterdir()) if arrived.is_dir() else ():
        place = home / entry.name
        if place.name == "honk.toml" and place.exists():
            place = home / "honk.toml.restored"
        elif place.is_dir():
            place.rmdir()
        entry.rename(place)
        made.append(place)


def _take_back(made: list[Path], target: Target) -> None:
    """The home is as empty as before; tables in PostgreSQL stay, and the words of `_only_if_empty` tell of them."""
    for place in made:
        if place.is_dir():
            shutil.rmtree(place, ignore_errors=True)
        else:
            place.unlink(missing_ok=True)
    for kept in target.kept:
        for file in kept.sqlite.parent.glob(f"{kept.sqlite.name}*") if kept.sqlite is not None else ():
            file.unlink(missing_ok=True)


def _only_if_empty(target: Target) -> None:
    for name in ("honk.db", "journal.db", "tasks", "artifacts", "repositories", "production"):
        place = target.home / name
        if place.is_file() or (place.is_dir() and any(place.iterdir())):
            raise Usage(f"{target.home} is not empty: it has {name}", "set HONK_HOME to a new folder")
    for kept in target.kept:
        if kept.sqlite is not None:
            continue
        engine = engine_of(kept.url)
        try:
            with engine.connect() as connection:
                if tables_of(connection, kept):
                    raise Usage("the database is not empty", "createdb a new one, and set `database` to it")
        finally:
            engine.dispose()


def _only_if_known(path: Path, manifest: dict[str, object], target: Target) -> None:
    newer = int(str(manifest.get("format", 0))) > FORMAT or str(manifest.get("schema", "")) > target.schema
    if newer:
        raise NeedsHuman(
            f"{path} was made by a newer release of Honk ({manifest.get('release')}; this is {target.release})",
            "restore it with that release",
        )


def _extract(path: Path, into: Path, tell: Tell) -> None:
    done = 0
    for tar, member in members(path):
        if member.name in {CHECKSUMS, MANIFEST}:
            continue
        member.name = _inside(member.name)
        _extract_one(tar, member, into)
        done += member.size
        tell("restoring", done, 0)


def _extract_one(tar: tarfile.TarFile, member: tarfile.TarInfo, into: Path) -> None:
    """By a filter (PEP 706), which Python has since 3.11.4; Debian 12 has 3.11.2, where this refuses the same."""
    if hasattr(tarfile, "tar_filter"):
        tar.extract(member, into, numeric_owner=True, filter=_as_it_was)
        return
    if not (into / member.name).resolve().is_relative_to(into.resolve()):
        raise NeedsHuman(f"the backup writes through a link: {member.name}", "it was tampered with: do not use it")
    tar.extract(member, into, numeric_owner=True)


def _inside(name: str) -> str:
    parts = name.split("/")
    if name.startswith("/") or ".." in parts or not parts[0]:
        raise NeedsHuman(f"the backup holds a path that leads out of it: {name}", "it was tampered with: do not use it")
    return name


def _as_it_was(member: tarfile.TarInfo, into: str) -> tarfile.TarInfo | None:
    """Modes and owners as they were. Nothing is ever written through a link."""
    checked = tarfile.tar_filter(member, into)
    return checked.replace(mode=member.mode, deep=False)


def _load(rows: Path, kept: Kept, moved: tuple[str, str]) -> None:
    engine = engine_of(kept.url)
    try:
        with engine.begin() as connection:
            for table in tables_of(connection, kept):
                file = rows / f"{table.name}.jsonl"
                if file.exists():
                    with file.open("rb") as lines:
                        read_rows(connection, table, _lines(lines), moved if kept.name == "journal" else ("", ""))
    finally:
        engine.dispose()


def _lines(file: IO[bytes]) -> Iterator[bytes]:
    yield from file

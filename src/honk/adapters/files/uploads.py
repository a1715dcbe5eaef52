"""Uploads as folders below one: `<id>/about.json` says what it is, `<id>/bytes` is as long as it has come.

Whoever appends holds a lock of the kernel on the bytes, so that there is one, among all processes, and none that died.
"""

import errno
import fcntl
import hashlib
import os
import re
import shutil
from collections import OrderedDict
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Protocol
from uuid import uuid4

import anyio
from anyio.to_thread import run_sync

from honk.domain.codec import dump, load
from honk.domain.upload import Upload, UploadState
from honk.errors import Defect, DiskFull, NotNow, Unknown, Usage

_ID = re.compile(r"[0-9a-f]{32}")
_PIECE = 1 << 20
#: uploads under way whose hash is remembered; of others it is taken again from the bytes
_REMEMBERED = 32
_FULL = frozenset({errno.ENOSPC, errno.EDQUOT})


class _Hash(Protocol):
    def update(self, piece: bytes, /) -> None: ...

    def hexdigest(self) -> str: ...


class FileUploads:
    """Implements honk.ports.Uploads."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._hashes: OrderedDict[str, tuple[int, _Hash]] = OrderedDict()

    async def begin(self, upload: Upload) -> Upload:
        return await run_sync(self._begin, upload)

    async def get(self, id: str) -> Upload:
        return await run_sync(self._get, id)

    def path(self, id: str) -> Path:
        return self._folder(id) / "bytes"

    @asynccontextmanager
    async def append(self, id: str, offset: int) -> AsyncIterator["_Arriving"]:
        upload = await self.get(id)
        descriptor = await run_sync(self._claimed, upload, offset)
        arriving = _Arriving(descriptor, upload, offset, self._hashes.pop(id, None))
        try:
            yield arriving
        finally:
            with anyio.CancelScope(shield=True):
                await run_sync(arriving.close)
                if (known := arriving.known) is not None:
                    self._hashes[id] = known
                while len(self._hashes) > _REMEMBERED:
                    self._hashes.popitem(last=False)

    async def save(self, upload: Upload) -> None:
        with suppress(FileNotFoundError):
            await run_sync(self._write, upload)

    async def empty(self, id: str) -> None:
        path = self.path(id)
        await run_sync(lambda: path.unlink(missing_ok=True))

    async def discard(self, id: str) -> None:
        self._hashes.pop(id, None)
        await run_sync(_remove, self._folder(id))

    async def complete(self) -> tuple[Upload, ...]:
        return await run_sync(lambda: tuple(one for one in self._all() if _waits(one)))

    async def sweep(self, before: datetime) -> int:
        return await run_sync(self._sweep, before.timestamp())

    def _folder(self, id: str) -> Path:
        if not _ID.fullmatch(id):
            raise Unknown(f"there is no upload {id[:80]!r}", "begin one: honk build upload FILE")
        return self._root / id

    def _begin(self, upload: Upload) -> Upload:
        folder = self._folder(upload.id)
        with suppress(Unknown):
            found = self._get(upload.id)
            if found.state is not UploadState.REFUSED:
                return found
            _remove(folder)
        self._root.mkdir(parents=True, exist_ok=True, mode=0o700)
        making = self._root / f".new-{uuid4().hex}"
        try:
            making.mkdir(mode=0o700)
            with _room():
                (making / "about.json").write_text(dump(Upload, upload), encoding="ascii")
                (making / "bytes").touch(mode=0o600)
            try:
                making.rename(folder)
            except OSError as exc:
                if exc.errno not in {errno.ENOTEMPTY, errno.EEXIST}:
                    raise  # otherwise somebody else began it in the same moment
        finally:
            shutil.rmtree(making, ignore_errors=True)
        return self._get(upload.id)

    def _get(self, id: str) -> Upload:
        folder = self._folder(id)
        try:
            about = load(Upload, (folder / "about.json").read_text(encoding="ascii"))
        except FileNotFoundError:
            raise Unknown(
                f"there is no upload {id!r}", "it may have been given up for a day; begin again: honk build upload FILE"
            ) from None
        try:
            return replace(about, received=(folder / "bytes").stat().st_size)
        except FileNotFoundError:
            return replace(about, received=about.size)

    def _write(self, upload: Upload) -> None:
        folder = self._folder(upload.id)
        arriving = folder / f".new-{uuid4().hex}"
        with _room():
            try:
                with arriving.open("x", encoding="ascii") as file:
                    file.write(dump(Upload, upload))
                    file.flush()
                    os.fsync(file.fileno())
                arriving.replace(folder / "about.json")
            finally:
                arriving.unlink(missing_ok=True)

    def _claimed(self, upload: Upload, offset: int) -> int:
        """The bytes, locked, at the offset."""
        path = self.path(upload.id)
        try:
            descriptor = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW)
        except (FileNotFoundError, PermissionError):  # it is a build by now
            raise NotNow(f"upload {upload.id} is {upload.state}: nothing is to be added") from None
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            here = os.fstat(descriptor).st_size
            if here != offset:
                remedy = "ask with HEAD how far it has come, and go on from there"
                raise NotNow(f"upload {upload.id} is at offset {here:,}, not at {offset:,}", remedy)
        except BlockingIOError:
            os.close(descriptor)
            raise NotNow(
                f"somebody else appends to upload {upload.id} now", "try again in some seconds, from where it is then"
            ) from None
        except BaseException:
            os.close(descriptor)
            raise
        return descriptor

    def _all(self) -> Iterator[Upload]:
        for folder in self._root.glob("*"):
            if _ID.fullmatch(folder.name):
                with suppress(Unknown, Defect):
                    yield self._get(folder.name)

    def _sweep(self, before: float) -> int:
        freed = 0
        for folder in self._root.glob("*"):
            try:
                heard = max(path.lstat().st_mtime for path in (folder, *folder.glob("*")))
            except FileNotFoundError:
                continue
            if heard >= before or (_ID.fullmatch(folder.name) and self._waiting(folder.name)):
                continue
            freed += sum(path.lstat().st_size for path in folder.glob("*"))
            _remove(folder)
        return freed

    def _waiting(self, id: str) -> bool:
        try:
            return _waits(self._get(id))
        except (Unknown, Defect):
            return False


class _Arriving:
    """Implements honk.ports.Arriving."""

    def __init__(self, descriptor: int, upload: Upload, offset: int, known: tuple[int, _Hash] | None) -> None:
        self._descriptor = descriptor
        self._upload = upload
        self._begun = self._offset = offset
        self._hash = known[1] if known is not None and known[0] == offset else None

    @property
    def known(self) -> tuple[int, _Hash] | None:
        """The hash of as many bytes, for whoever goes on; None where it was not taken."""
        return None if self._hash is None else (self._offset, self._hash)

    async def write(self, piece: bytes) -> None:
        if self._offset + len(piece) > self._upload.size:
            await run_sync(self._give_back)
            said = f"more than the {self._upload.size:,} bytes came that were announced"
            raise Usage(said, "begin again, with the size that the file has now")
        with anyio.CancelScope(shield=True):  # a thread is not cut off, and the count must be right
            await run_sync(self._write, piece)

    async def digest(self) -> str:
        return (await run_sync(self._taken)).hexdigest()

    def close(self) -> None:
        try:
            os.fsync(self._descriptor)
        finally:
            os.close(self._descriptor)

    def _write(self, piece: bytes) -> None:
        taken = self._taken()
        with _room():
            left = memoryview(piece)
            try:
                while left:
                    done = os.write(self._descriptor, left)
                    taken.update(bytes(left[:done]))
                    self._offset += done
                    left = left[done:]
            except OSError:
                self._hash = None
                raise

    def _taken(self) -> _Hash:
        """The hash so far; after a kill of the bytes that are here."""
        if self._hash is None:
            self._hash, at = hashlib.sha256(), 0
            while at < self._offset:
                piece = os.pread(self._descriptor, min(_PIECE, self._offset - at), at)
                if not piece:
                    raise Defect(f"upload {self._upload.id} became shorter while somebody appended to it")
                self._hash.update(piece)
                at += len(piece)
        return self._hash

    def _give_back(self) -> None:
        """Nothing of a request that sends too much is kept."""
        os.ftruncate(self._descriptor, self._begun)
        self._offset, self._hash = self._begun, None


def _waits(upload: Upload) -> bool:
    return upload.complete and upload.state in {UploadState.RECEIVING, UploadState.RECEIVED}


def _remove(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _room() -> Iterator[None]:
    try:
        yield
    except OSError as exc:
        if exc.errno not in _FULL:
            raise
        raise DiskFull("the server's disk is full: what came so far is kept", "free some there, then go on") from exc

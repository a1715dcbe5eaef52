"""Files that arrive in pieces, and go on after a broken connection or a killed process."""

from contextlib import AbstractAsyncContextManager
from datetime import datetime
from pathlib import Path
from typing import Protocol

from honk.domain.upload import Upload


class Arriving(Protocol):
    """One upload while somebody appends to it."""

    async def write(self, piece: bytes) -> None:
        """Appends. Raises DiskFull without room for it, and Usage for more than was announced."""

    async def digest(self) -> str:
        """SHA-256 of everything that is here."""


class Uploads(Protocol):
    """Uploads by their ids. What is here outlives every process; nothing of it is kept for long."""

    async def begin(self, upload: Upload) -> Upload:
        """Keeps a new, empty one; one with its id that is here already is returned as it is, unless it was refused."""

    async def get(self, id: str) -> Upload:
        """As it is now. Raises Unknown for one that is not here."""

    def append(self, id: str, offset: int) -> AbstractAsyncContextManager[Arriving]:
        """Whatever is written before the context is left stays, and is on the disk, however it is left.

        Raises Unknown, and NotNow when the upload is at another offset or somebody else appends to it now.
        """

    def path(self, id: str) -> Path:
        """Where its bytes lie; whether there are any is not looked at. Raises Unknown for what is no id."""

    async def save(self, upload: Upload) -> None:
        """What is known of it changes; its bytes do not. Gone meanwhile: no effect."""

    async def empty(self, id: str) -> None:
        """Removes the bytes and keeps what is known. Nothing there: no effect."""

    async def discard(self, id: str) -> None:
        """Removes it. Nothing there: no effect."""

    async def complete(self) -> tuple[Upload, ...]:
        """Those of which every byte is here and that are neither built nor refused."""

    async def sweep(self, before: datetime) -> int:
        """Removes those of which nothing was heard since that moment, unless they are complete; the bytes freed."""

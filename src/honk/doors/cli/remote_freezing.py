"""Freezes of environments, of a Honk behind a server."""

from honk.domain.codec import dump
from honk.doors.cli.wire import Wire
from honk.service.freezing import FreezeShown, FreezeWanted


class RemoteFreezing:
    """Implements honk.service.freezing.Freezing on a server."""

    _wire: Wire

    async def freeze(self, wanted: FreezeWanted) -> FreezeShown:
        return await self._wire.post(FreezeShown, "/freezes", dump(FreezeWanted, wanted), again=True)

    async def thaw(self, repository: str, environment: str = "") -> FreezeShown:
        return await self._wire.send("DELETE", FreezeShown, "/freezes", repository=repository, environment=environment)

    async def freezes(self, repository: str) -> tuple[FreezeShown, ...]:
        return await self._wire.get(tuple[FreezeShown, ...], "/freezes", repository=repository)

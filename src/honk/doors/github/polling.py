"""What is new is asked for, where no webhook can reach; the hints are the same, so both may be on at once."""

from datetime import datetime

import anyio
import structlog

from honk.domain.repository import Repository
from honk.doors.github.backstage import DOOR, Backstage
from honk.doors.github.inside import Keep
from honk.doors.github.noting import Noting
from honk.doors.github.places import Places
from honk.errors import HonkError
from honk.ports import Discussions

_log = structlog.get_logger()


class Polling:
    """Goes round the repositories that are used or listed."""

    def __init__(
        self, backstage: Backstage, discussions: Discussions, places: Places, keep: Keep, noting: Noting
    ) -> None:
        self._stage = backstage
        self._discussions = discussions
        self._places = places
        self._keep = keep
        self._noting = noting

    async def keep(self) -> None:
        """Goes on until it is cancelled."""
        every = self._stage.choices.poll
        while every > 0:
            await self.round()
            await (self._stage.sleep or anyio.sleep)(every)

    async def round(self) -> None:
        """Every repository once; trouble with one is no trouble of the others."""
        try:
            known = await self._places.known()
        except HonkError as error:
            _log.warning("repositories could not be looked for", reason=str(error))
            return
        seen: set[str] = set()
        trouble = ""
        for one in known:
            try:
                name = (await self._places.name(one)).lower()
                if name and name not in seen:
                    seen.add(name)
                    await self._news(one)
            except HonkError as error:
                _log.warning("GitHub could not be asked for news", repository=one.name, reason=str(error))
                trouble = f"news of {one.name} cannot be had: {error.message}"
        await self._noting.trouble(trouble)

    async def _news(self, repository: Repository) -> None:
        """From the first look on: what was before is nobody's hint."""
        subject = f"{DOOR}/poll/{repository.key}"
        kept = (await self._stage.chats.preferences.read(subject)).get("since", "")
        since = datetime.fromisoformat(kept) if kept else self._stage.ports.clock()
        hints, until = await self._discussions.news(repository, since)
        for hint in hints:
            id = f"{DOOR}/news/{repository.key}/{until.isoformat()}/{hint.kind}/{hint.number}/{hint.id}"
            await self._keep(hint, id[:500])
        if not kept or until != since:
            await self._stage.chats.preferences.write(subject, {"since": until.isoformat()})

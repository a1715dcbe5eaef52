"""The door's last trouble, kept where `honk doctor` finds it."""

import structlog

from honk.doors.github.backstage import DOOR, Backstage
from honk.errors import HonkError

_log = structlog.get_logger()


class Noting:
    """Writes only what is new; an earlier run of the server may have left something."""

    def __init__(self, backstage: Backstage) -> None:
        self._stage = backstage
        self._said: str | None = None

    async def trouble(self, words: str) -> None:
        """What is wrong now; "" for nothing."""
        if words == self._said:
            return
        since = self._stage.ports.clock().isoformat() if words else ""
        try:
            await self._stage.chats.preferences.write(f"{DOOR}/door", {"trouble": words, "since": since})
            self._said = words
        except HonkError as error:
            _log.warning("the trouble at GitHub could not be noted", reason=error.message)

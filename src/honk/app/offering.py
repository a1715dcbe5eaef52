"""Builds in channels: each is asked again when its time has come. Nothing waits in memory."""

import json
from dataclasses import replace
from datetime import timedelta

from honk.app.turns import Turns
from honk.domain.text import shortened

_LATER = timedelta(minutes=10)


class Offering(Turns):
    """Begins the words with channels that are due."""

    async def ask_channels(self) -> None:
        """One word with each channel about each build that is due; begun twice, it is one."""
        for offer in await self.ports.offers.due(self.ports.clock()):
            payload = json.dumps({"task": offer.task, "build": offer.build, "channel": offer.channel})
            name = f"offered/{offer.task}/{offer.build}-{offer.channel}-{offer.looks}"
            await self.journal.start("offered", name, payload)

    async def put_off(self, build: str, channel: str, reason: str) -> None:
        """A word with a channel broke off in a way that nobody foresaw: that is kept, and it is asked again later."""
        offer = await self.ports.offers.find(build, channel)
        if offer is not None and offer.due is not None:
            seen = replace(offer.seen, detail=shortened(reason, 300))
            later = self.ports.clock() + _LATER
            await self.ports.offers.save(replace(offer, seen=seen, due=later, looks=offer.looks + 1))

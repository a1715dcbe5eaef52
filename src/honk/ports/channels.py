"""Channels by which builds come to people besides the install page, and what Honk keeps of that."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Protocol

from honk.domain.build import Build
from honk.domain.channel import Offer, Seen
from honk.domain.repository import Repository, Sha
from honk.domain.stamp import Stamp
from honk.domain.task import TaskId
from honk.domain.text import Secret
from honk.errors import SettingsWrong


@dataclass(frozen=True, kw_only=True, slots=True)
class Offered:
    """A build as a channel gets it."""

    build: Build
    #: the address of the repository
    repository: str
    #: the file that a phone installs, or the archive of a build that is none
    file: Path
    #: Honk's page of it; "" while nobody serves
    page: str


class Channel(Protocol):
    """One channel. Whoever writes one names its maker in honk.toml (`use = "package.module:attribute"`).

    The maker is called with the channel's name, its options and its secret, and returns one of these, or raises
    SettingsWrong.
    """

    @property
    def title(self) -> str:
        """What people call it, such as "TestFlight"."""
        ...

    def takes(self, build: Build) -> bool:
        """Whether the build is something for it. Asked often: it asks nobody."""

    async def carry(self, offered: Offered) -> Seen:
        """Gives it the build, or finds the one that came there by another way, and says how it stands.

        Called again and again, also after a crash in the middle: that has no second effect. Within 60 s. Raises
        Retryable where the channel does not answer, NeedsHuman where it does not let Honk in.
        """


class Channels(Protocol):
    """The channels that the operator has set up."""

    def of(self, repository: Repository, build: Build) -> tuple[str, ...]:
        """The names of those that take this build."""

    def get(self, name: str) -> Channel | None:
        """None where there is none of that name any more."""


class NoChannels:
    """Where there are none."""

    def of(self, repository: Repository, build: Build) -> tuple[str, ...]:
        return ()

    def get(self, name: str) -> Channel | None:
        return None


class Offers(Protocol):
    """Builds in channels, and the numbers of builds. Every method is one transaction."""

    async def stamp(self, app: str, task: TaskId, commit: Sha, wanted: Stamp) -> Stamp:
        """The stamp of that commit's build: the one that it has, or `wanted` with a number of its own.

        The number is one above all others of the app, and not below that of `wanted`. Raises Usage where there is
        none left.
        """

    async def stamped(self, task: TaskId, commit: Sha) -> Stamp | None:
        """None where nobody asked for one."""

    async def begin(self, offer: Offer) -> Offer:
        """Kept as it is; one that is there already stays, and is returned."""

    async def save(self, offer: Offer) -> None:
        """Keeps it as it is now. One of a build that is gone: no effect."""

    async def find(self, build: str, channel: str) -> Offer | None: ...

    async def offers(self, build: str) -> tuple[Offer, ...]:
        """Of one build, by channel."""

    async def due(self, now: datetime) -> tuple[Offer, ...]:
        """Those whose channel is to be asked, whose turn comes first before the others."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ChannelOptions:
    """What the operator set of one channel: what its maker is called with."""

    #: its name in honk.toml
    name: str
    #: words, by their names
    options: Mapping[str, str]
    #: what is in its secret_file; empty without one. It comes into no sandbox, no log and no answer
    secret: Secret = Secret("")

    def one(self, name: str, *, otherwise: str | None = None) -> str:
        """An option. Raises SettingsWrong where it is missing, and there is no `otherwise`."""
        found = self.options.get(name, otherwise)
        if not found and otherwise is None:
            raise SettingsWrong(
                f"[channels.{self.name}.options] has no {name}", "docs/howto/mobile-builds.md says what it takes"
            )
        return found or ""

    def only(self, *known: str) -> None:
        """Raises SettingsWrong for an option that is none of these."""
        if strange := sorted(set(self.options) - set(known)):
            raise SettingsWrong(
                f"[channels.{self.name}.options] does not know {strange[0]}", f"it knows {', '.join(known)}"
            )

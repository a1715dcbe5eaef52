"""A channel to which a test says how builds stand."""

from dataclasses import dataclass, field

from honk.domain.build import Build
from honk.domain.channel import ChannelState, Seen
from honk.domain.repository import Repository
from honk.ports import Channel, Offered


@dataclass
class FakeChannel:
    """See `Channel`."""

    title: str = "Fakeflight"
    #: kinds of builds that it takes
    kinds: frozenset[str] = frozenset({"ios", "android", "web"})
    #: by build; of others it has not heard
    stands: dict[str, Seen] = field(default_factory=dict)
    #: what its next answers are in place of that
    troubles: list[Exception] = field(default_factory=list)
    #: the builds that it has got, each once
    got: list[str] = field(default_factory=list)
    asked: int = 0

    def takes(self, build: Build) -> bool:
        return build.kind in self.kinds

    async def carry(self, offered: Offered) -> Seen:
        self.asked += 1
        if self.troubles:
            raise self.troubles.pop(0)
        if offered.build.id not in self.got:
            self.got.append(offered.build.id)
        return self.stands.get(offered.build.id, Seen(state=ChannelState.ABSENT, detail="never heard of it"))


@dataclass
class FakeChannels:
    """See `Channels`. None until a test sets one up."""

    channels: dict[str, Channel] = field(default_factory=dict)

    def of(self, repository: Repository, build: Build) -> tuple[str, ...]:
        return tuple(name for name, one in self.channels.items() if one.takes(build))

    def get(self, name: str) -> Channel | None:
        return self.channels.get(name)

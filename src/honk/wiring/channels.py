"""The channels of honk.toml: named there, never registered."""

from collections.abc import Callable, Mapping
from importlib import import_module

from honk.domain.address import canonical, fits
from honk.domain.build import Build
from honk.domain.repository import Repository
from honk.errors import HonkError, SettingsWrong
from honk.ports import Channel, ChannelOptions, Channels, NoChannels
from honk.settings import Settings
from honk.settings.channels import ChannelSettings
from honk.wiring.place import now

Maker = Callable[[ChannelOptions], Channel]


class ChannelsOfSettings:
    """Implements honk.ports.Channels. A channel is made when it is first asked: most commands need none."""

    def __init__(self, settings: Mapping[str, ChannelSettings]) -> None:
        self._settings = settings
        self._made: dict[str, Channel] = {}

    def of(self, repository: Repository, build: Build) -> tuple[str, ...]:
        """One that cannot be made takes nothing: the doctor says why."""
        address = canonical(repository.url)
        wanted = [
            name for name, one in self._settings.items() if any(fits(pattern, address) for pattern in one.repositories)
        ]
        return tuple(name for name in wanted if (made := self.get(name)) is not None and made.takes(build))

    def get(self, name: str) -> Channel | None:
        if name not in self._settings:
            return None
        if name not in self._made:
            try:
                self._made[name] = made(name, self._settings[name])
            except HonkError:
                return None
        return self._made[name]


def channels_of(settings: Settings) -> Channels:
    """As honk.toml has them."""
    return ChannelsOfSettings(settings.file.channels) if settings.file.channels else NoChannels()


def made(name: str, settings: ChannelSettings) -> Channel:
    """One channel. Raises SettingsWrong."""
    options = ChannelOptions(name=name, options=settings.options, secret=settings.secret())
    return _maker(name, settings.use)(options)


def _maker(name: str, use: str) -> Maker:
    if use == "testflight":
        from honk.adapters.app_store import test_flight  # who has no channel pays for no client

        return lambda options: test_flight(options, clock=now)
    if use == "webhook":
        from honk.adapters.webhook import webhook

        return webhook
    module, _, attribute = use.partition(":")
    try:
        found: Maker = getattr(import_module(module), attribute)
    except (ImportError, AttributeError) as exc:
        raise SettingsWrong(
            f"[channels.{name}] use = {use!r} cannot be loaded: {exc}", "install it beside Honk, or correct the name"
        ) from exc
    return found

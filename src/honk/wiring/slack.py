"""The Slack door of an opened Honk, where the settings have its tokens."""

from typing import Protocol

from honk.adapters.sql import SqlStore
from honk.app import App
from honk.domain.access import Scope
from honk.domain.person import Person
from honk.doors.slack import Backstage, Choices, SlackDoor
from honk.ports import Chats
from honk.service import Local
from honk.service.linking import GIVEN, Linking
from honk.settings import Settings


class Host(Protocol):
    """The opened Honk, as far as the door needs it."""

    settings: Settings
    app: App
    chats: Chats
    linking: Linking
    store: SqlStore

    def service_for(self, person: Person, scopes: frozenset[Scope]) -> Local:
        """What that person may ask of this Honk."""
        ...


def slack_door(house: Host) -> SlackDoor:
    """Closed until it is opened. Honk is not administered from a chat, whoever is linked."""
    settings = house.settings
    wanted = settings.file.slack
    backstage = Backstage(
        ports=house.app.ports,
        chats=house.chats,
        service=lambda person: house.service_for(person, GIVEN),
        linking=house.linking,
        listen=house.store.listen,
        stamp=house.store.stamp,
        choices=Choices(
            mode=wanted.mode,
            reaction=wanted.reaction,
            guests=wanted.guests,
            strangers=wanted.strangers,
            quiet_hours=wanted.quiet_hours,
            streaming=wanted.streaming,
        ),
    )
    return SlackDoor(
        backstage,
        token=settings.slack_bot_token,
        app_token=settings.slack_app_token,
        signing_secret=settings.slack_signing_secret,
        api_url=wanted.api_url,
    )

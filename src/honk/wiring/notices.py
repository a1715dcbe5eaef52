"""How an opened Honk tells people who look at no page."""

from typing import Protocol

from honk.adapters.broker import Poster
from honk.adapters.mail import Smtp
from honk.adapters.pages import Addresses
from honk.adapters.push import WebPush
from honk.adapters.sql import SqlStore
from honk.adapters.sql.devices import SqlDevices
from honk.app import App
from honk.doors.notices import Backstage, NoticesDoor
from honk.doors.web.notices_page import Noticing
from honk.ports import Chats, Mail
from honk.settings import Settings


class Host(Protocol):
    """The opened Honk, as far as telling people needs it."""

    settings: Settings
    app: App
    addresses: Addresses
    chats: Chats
    store: SqlStore
    poster: Poster


def devices_of(house: Host) -> SqlDevices:
    """The browsers that show notices; what opens them lies in HONK_HOME."""
    return house.store.devices(house.addresses.derived("devices"))


def push_of(house: Host) -> WebPush:
    """Who sends is the same for as long as HONK_HOME is."""
    settings = house.settings.file
    contact = settings.notices.contact or (
        settings.public_url if settings.public_url.startswith("https:") else "mailto:honk@localhost"
    )
    return WebPush(
        secret=house.addresses.derived("vapid"),
        contact=contact,
        post=house.poster.post,
        allow=house.poster.allow,
        clock=house.app.ports.clock,
    )


def mail_of(house: Host) -> Mail | None:
    """The mail server, where one is set."""
    wanted = house.settings.file.notices
    if not wanted.mail_host or not wanted.mail_from:
        return None
    return Smtp(
        wanted.mail_host,
        wanted.mail_port,
        sender=wanted.mail_from,
        clock=house.app.ports.clock,
        security=wanted.mail_security,
        login=(wanted.mail_user, house.settings.mail_password) if wanted.mail_user else None,
    )


def notices_door(house: Host) -> NoticesDoor:
    """Closed until it is opened."""
    return NoticesDoor(
        Backstage(
            ports=house.app.ports,
            chats=house.chats,
            outbox=house.store.outbox,
            devices=devices_of(house),
            visits=house.store.entrance.visits,
            push=push_of(house),
            mail=mail_of(house),
            sign=house.addresses.sign,
            listen=house.store.listen,
            stamp=house.store.stamp,
        )
    )


def noticing_of(house: Host) -> Noticing:
    """What the pages have of it."""
    return Noticing(
        devices=devices_of(house),
        push=push_of(house),
        sign=house.addresses.sign,
        mail=mail_of(house) is not None,
    )

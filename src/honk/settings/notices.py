"""Notices: who stands behind them, and the mail server that takes those for people without a device."""

import re
from email.utils import parseaddr
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

_ADDRESS = re.compile(r"[^@\s<>\"]+@[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?")


def _sender(text: str) -> str:
    if text and ("\n" in text or not _ADDRESS.fullmatch(parseaddr(text)[1])):
        raise ValueError('must be an address of mail, such as "honk@example.com" or "Honk <honk@example.com>"')
    return text


def _contact(text: str) -> str:
    if text and not (text.startswith("https://") or _ADDRESS.fullmatch(text.removeprefix("mailto:"))):
        raise ValueError("must be an address of mail, or one that begins with https://")
    return f"mailto:{text}" if _ADDRESS.fullmatch(text) else text


class NoticeSettings(BaseModel):
    """What people are told when they look at no page; each chooses how much of it, on the Settings page."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    #: whom push services may write to about this Honk; empty: `public_url`
    contact: Annotated[str, AfterValidator(_contact)] = ""
    #: the mail server; empty: no mail is sent
    mail_host: str = ""
    mail_port: Annotated[int, Field(ge=1, le=65535)] = 587
    #: "starttls", "tls" (from the first byte on) or "none" (a server on this machine)
    mail_security: Literal["starttls", "tls", "none"] = "starttls"
    #: whom mail comes from
    mail_from: Annotated[str, AfterValidator(_sender)] = ""
    #: who signs in there; the password is in HONK_MAIL_PASSWORD
    mail_user: str = ""

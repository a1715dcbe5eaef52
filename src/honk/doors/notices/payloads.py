"""What goes to a device, and what stands in a letter: words, links, and no secret."""

import hashlib
import json

from honk.domain.notice import Notice
from honk.domain.person import Person
from honk.domain.text import shortened
from honk.ports import Letter, Ports
from honk.service.noticing import Sign, no_mail_path, sealed


def payload_of(notice: Notice, person: Person, sign: Sign) -> bytes:
    """What the service worker reads. `tag`: a second copy takes the place of the first one."""
    said = {
        "title": notice.title,
        "body": notice.body,
        "tag": f"{notice.task}/{notice.seq}",
        "page": notice.page,
        "needs": notice.needs,
        "buttons": [{"title": one.label, "sends": sealed(one, notice, person.id, sign)} for one in notice.offers],
    }
    return json.dumps(said, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")


def topic_of(notice: Notice) -> str:
    """Names the notice for a push service, to which it says nothing: 32 letters at most (RFC 8030)."""
    return hashlib.sha256(f"{notice.task}/{notice.seq}".encode()).hexdigest()[:32]


def letter_of(notice: Notice, person: Person, to: str, ports: Ports, sign: Sign) -> Letter | None:
    """Plain text in which only links lead on; None while no server says what they begin with."""
    page, settings = ports.previews.page(notice.page), ports.previews.page("/settings")
    no_mail = ports.previews.page(no_mail_path(person.id, sign))
    if page is None or settings is None or no_mail is None:
        return None
    lines = [
        *(notice.title, "", notice.body, "", page, ""),
        "-- ",
        f"How much Honk tells you, and where: {settings}",
        f"No more mail: {no_mail}",
    ]
    return Letter(
        to=to,
        subject=shortened(notice.title, 120),
        text="\n".join(lines) + "\n",
        id=f"honk.{topic_of(notice)}.{hashlib.sha256(to.encode()).hexdigest()[:12]}",
        unsubscribe=no_mail,
    )

"""What handing over a letter promises, against a server over real sockets."""

from datetime import UTC, datetime

import pytest

from honk.adapters.mail import Smtp
from honk.ports import Letter, Outcome
from honk.testing.fake_mail import FakeMail, mail_server

pytestmark = pytest.mark.anyio


def smtp(here: FakeMail) -> Smtp:
    return Smtp(
        "127.0.0.1",
        here.port,
        sender="Honk <honk@example.com>",
        clock=lambda: datetime(2026, 11, 20, 8, 0, tzinfo=UTC),
        security="none",
    )


def letter(to: str = "ada@example.com", subject: str = "A question: Grün?", text: str = "Grün?\n.\nJa\n") -> Letter:
    return Letter(to=to, subject=subject, text=text, id="honk.1", unsubscribe="https://honk.example/notices/no-mail/x")


async def test_a_letter_arrives_as_it_was_written() -> None:
    async with mail_server() as here:
        assert (await smtp(here).send(letter())).outcome is Outcome.SENT
    ((sender, to, written),) = here.letters
    assert (sender, to) == ("honk@example.com", "ada@example.com")
    assert written["Subject"] == "A question: Grün?" and written["To"] == "ada@example.com"
    assert written["Message-ID"] == "<honk.1@example.com>" and written["Auto-Submitted"] == "auto-generated"
    assert written["List-Unsubscribe"] == "<https://honk.example/notices/no-mail/x>"
    assert written["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert written.get_content_type() == "text/plain" and written.get_content().splitlines() == ["Grün?", ".", "Ja"]


@pytest.mark.parametrize(
    "end", ["\n", "\r\n", "\r", "\u2028", "\x00", "\v"], ids=["lf", "crlf", "cr", "ls", "nul", "vt"]
)
async def test_no_word_becomes_a_header_or_another_letter(end: str) -> None:
    hostile = f"Hello{end}Bcc: eve@example.com{end}{end}<b>body</b>{end}.{end}MAIL FROM:<eve@example.com>"
    async with mail_server() as here:
        await smtp(here).send(letter(subject=hostile, text=hostile))
        refused = await smtp(here).send(letter(to=f"ada@example.com{end}Bcc: eve@example.com"))
    assert refused.outcome is Outcome.REFUSED
    assert len(here.letters) <= 1
    for sender, to, written in here.letters:
        assert (sender, to) == ("honk@example.com", "ada@example.com")
        assert written["Bcc"] is None and "eve" not in str(written["From"]) and len(written.defects) == 0


@pytest.mark.parametrize("to", ["", "ada", "ada@", "a b@example.com", "<ada@example.com>", "ada@example.com,eve@e.com"])
async def test_what_is_no_address_is_refused(to: str) -> None:
    async with mail_server() as here:
        assert (await smtp(here).send(letter(to=to))).outcome is Outcome.REFUSED
    assert here.letters == []


async def test_what_the_server_says_is_what_becomes_of_it() -> None:
    async with mail_server() as here:
        here.troubles += ["451 later", "550 nobody"]
        assert (await smtp(here).send(letter())).outcome is Outcome.LATER
        assert (await smtp(here).send(letter())).outcome is Outcome.REFUSED
    assert (await smtp(here).send(letter())).outcome is Outcome.LATER

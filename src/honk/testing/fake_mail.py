"""A mail server over real sockets that speaks as much of RFC 5321 as a client needs, and keeps what it is handed."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default


@dataclass
class FakeMail:
    """What was handed over. `troubles` are the next answers to recipients, such as "451 later"."""

    port: int = 0
    #: for each letter: from whom, to whom, and what
    letters: list[tuple[str, str, EmailMessage]] = field(default_factory=list)
    troubles: list[str] = field(default_factory=list)


@asynccontextmanager
async def mail_server() -> AsyncIterator[FakeMail]:
    """Listens on this machine while the context is open."""
    here, talks = FakeMail(), set[asyncio.Task[None]]()

    def begin(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        talk = asyncio.ensure_future(_talk(here, reader, writer))
        talks.add(talk)
        talk.add_done_callback(talks.discard)

    server = await asyncio.start_server(begin, "127.0.0.1", 0)
    here.port = server.sockets[0].getsockname()[1]
    try:
        yield here
    finally:
        server.close()
        for talk in list(talks):
            talk.cancel()
        await asyncio.gather(*talks, return_exceptions=True)


async def _talk(here: FakeMail, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    def say(words: str) -> None:
        writer.write(f"{words}\r\n".encode())

    say("220 mail.test")
    sender, to = "", ""
    with suppress(asyncio.IncompleteReadError, ConnectionError):
        while True:
            line = (await reader.readuntil(b"\r\n")).decode().strip()
            verb, words = line[:4].upper(), line.partition(":")[2].partition(">")[0].strip().lstrip("<")
            if verb == "MAIL":
                sender = words
                say("250 ok")
            elif verb == "RCPT":
                to = words
                say(here.troubles.pop(0) if here.troubles else "250 ok")
            elif verb == "DATA":
                say("354 go on")
                body = (await reader.readuntil(b"\r\n.\r\n")).removesuffix(b".\r\n").replace(b"\r\n..", b"\r\n.")
                written = message_from_bytes(body, _class=EmailMessage, policy=default)
                here.letters.append((sender, to, written))
                say("250 kept")
            elif verb == "QUIT":
                say("221 bye")
                break
            else:
                say("250 mail.test")
    writer.close()

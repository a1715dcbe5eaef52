"""Hands letters to a mail server; the standard library's client, on a thread."""

import re
import smtplib
import ssl
from collections.abc import Callable
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime, parseaddr
from functools import partial

import anyio.to_thread

from honk.domain.text import Secret, one_line
from honk.ports import Clock, Letter, Outcome, Sent

#: seconds for each thing that the server is asked
_PATIENCE = 20.0
#: Less than RFC 5321 allows: nothing that means something to a mail server or a header.
_ADDRESS = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9](?:[A-Za-z0-9.-]{0,250}[A-Za-z0-9])?")


class Smtp:
    """Implements honk.ports.Mail."""

    def __init__(
        self,
        host: str,
        port: int,
        *,
        sender: str,
        clock: Clock,
        security: str = "starttls",
        login: tuple[str, Secret] | None = None,
    ) -> None:
        """`security` is "starttls", "tls" or "none"; a login goes over an encrypted connection alone."""
        self._host = host
        self._port = port
        self._sender = sender
        self._clock = clock
        self._security = security
        self._login = login

    async def send(self, letter: Letter) -> Sent:
        if not _ADDRESS.fullmatch(letter.to):
            return Sent(outcome=Outcome.REFUSED, detail="this is no address of mail")
        message = self._written(letter)
        try:
            await anyio.to_thread.run_sync(partial(self._hand_over, message, letter.to))
        except smtplib.SMTPRecipientsRefused as error:
            codes = [code for code, _ in error.recipients.values()]
            return _refused(codes[0] if codes else 550)
        except smtplib.SMTPResponseException as error:
            if isinstance(error, smtplib.SMTPAuthenticationError | smtplib.SMTPConnectError):
                return Sent(outcome=Outcome.LATER, detail=f"the mail server answered {error.smtp_code}")
            return _refused(error.smtp_code)
        except (OSError, smtplib.SMTPException, ssl.SSLError) as error:
            return Sent(outcome=Outcome.LATER, detail=f"the mail server: {type(error).__name__}: {error}"[:300])
        return Sent(outcome=Outcome.SENT)

    def _written(self, letter: Letter) -> EmailMessage:
        host = parseaddr(self._sender)[1].rpartition("@")[2] or "localhost"
        message = EmailMessage(policy=SMTP)
        message["From"] = one_line(self._sender)
        message["To"] = letter.to
        message["Subject"] = one_line(letter.subject)
        message["Date"] = format_datetime(self._clock())
        message["Message-ID"] = f"<{letter.id}@{host}>"
        message["List-Unsubscribe"] = f"<{letter.unsubscribe}>"
        message["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"
        # no answering machine answers
        message["Auto-Submitted"] = "auto-generated"
        message.set_content(letter.text)
        return message

    def _hand_over(self, message: EmailMessage, to: str) -> None:
        sender = parseaddr(self._sender)[1]
        with self._connected() as server:
            if self._security == "starttls":
                server.starttls(context=ssl.create_default_context())
            if self._login is not None and self._security != "none":
                name, password = self._login
                server.login(name, password.reveal())
            server.send_message(message, from_addr=sender, to_addrs=[to])

    def _connected(self) -> smtplib.SMTP:
        opened: Callable[..., smtplib.SMTP] = smtplib.SMTP
        if self._security == "tls":
            opened = partial(smtplib.SMTP_SSL, context=ssl.create_default_context())
        return opened(self._host, self._port, timeout=_PATIENCE)


def _refused(code: int) -> Sent:
    outcome = Outcome.LATER if 400 <= code < 500 else Outcome.REFUSED
    return Sent(outcome=outcome, detail=f"the mail server answered {code}")

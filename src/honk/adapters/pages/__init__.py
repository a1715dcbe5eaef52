"""Addresses under which builds and deployed versions are shown: unguessable, and known only while served."""

import base64
import fcntl
import hmac
import json
import os
import re
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path

from honk.domain.build import Build
from honk.domain.repository import Repository

#: 96 bits in lower-case letters and digits: unguessable, and short enough for a line, a chat and a QR code.
_TOKEN_BYTES = 12
_TOKEN = re.compile(r"[a-z2-7]{20}")


class Addresses:
    """Implements honk.ports.Previews. An address is `<origin>/<kind>/<token>/`.

    A token is the signature of what it stands for; a file below `home`/pages, made when the address is
    given out, says what that is. Key and files lie in `home`, so an address stays the same over
    restarts. Whoever serves announces the origin; a lock shows to other processes whether that
    announcement is still true.
    """

    def __init__(self, home: Path) -> None:
        self._key_file = home / "pages.key"
        self._given_out = home / "pages"
        self._announcement = home / "run" / "pages.json"

    async def show(self, build: Build) -> str | None:
        """The preview's address, or None while nobody serves."""
        address = self._address("preview", build.digest)
        return address and address + build.first_page.lstrip("/")

    def production(self, repository: Repository, environment: str) -> str | None:
        """The address of what is live, or None while nobody serves."""
        return self._address("live", f"{repository.key}.{environment}")

    def resolve(self, kind: str, token: str) -> str | None:
        """What a token of this kind stands for; None when it was never given out."""
        if not _TOKEN.fullmatch(token):
            return None
        try:
            id = (self._given_out / f"{kind}.{token}").read_text(encoding="utf-8")
        except FileNotFoundError:
            return None
        return id if hmac.compare_digest(token, self._sign(kind, id)) else None

    def path(self, kind: str, id: str) -> str:
        """Gives out the address without its origin, such as "/preview/…/"."""
        token = self._sign(kind, id)
        self._given_out.mkdir(mode=0o700, parents=True, exist_ok=True)
        known = self._given_out / f"{kind}.{token}"
        if not known.exists():
            aside = known.with_name(f".{known.name}.{os.getpid()}")
            aside.write_text(id, encoding="utf-8")
            aside.replace(known)
        return f"/{kind}/{token}/"

    @contextmanager
    def announced(self, origin: str) -> Iterator[None]:
        """Other processes see `origin` while the context is open and this process lives."""
        self._announcement.parent.mkdir(parents=True, exist_ok=True)
        with self._announcement.open("a+", encoding="utf-8") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            file.seek(0)
            file.truncate()
            file.write(json.dumps({"origin": origin}))
            file.flush()
            try:
                yield
            finally:
                file.seek(0)
                file.truncate()

    def origin(self) -> str | None:
        """Where pages are served now, by whichever process."""
        try:
            with self._announcement.open(encoding="utf-8") as file:
                try:
                    fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
                except BlockingIOError:
                    text = file.read()
                    return str(json.loads(text)["origin"]) if text else None
        except FileNotFoundError:
            pass
        return None

    def _address(self, kind: str, id: str) -> str | None:
        origin = self.origin()
        return None if origin is None else origin + self.path(kind, id)

    def _sign(self, kind: str, id: str) -> str:
        signature = hmac.new(self._key(), f"{kind}:{id}".encode(), sha256).digest()[:_TOKEN_BYTES]
        return base64.b32encode(signature).decode().rstrip("=").lower()

    def _key(self) -> bytes:
        if not self._key_file.exists():
            self._key_file.parent.mkdir(parents=True, exist_ok=True)
            aside = self._key_file.with_name(f"pages.key.{os.getpid()}")
            descriptor = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            with os.fdopen(descriptor, "wb") as file:
                file.write(secrets.token_bytes(32))
            try:
                os.link(aside, self._key_file)
            except FileExistsError:
                pass  # another process was first; its key is the key
            finally:
                aside.unlink()
        return self._key_file.read_bytes()

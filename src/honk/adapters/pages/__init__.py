"""Addresses under which builds and deployed versions are shown: unguessable, and known only while served."""

import fcntl
import hmac
import json
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path

from honk.domain.build import Build
from honk.domain.repository import Repository


class Addresses:
    """Implements honk.ports.Previews. An address is `<origin>/<kind>/<id>-<signature>/`.

    The key lies in `home`, so an address stays the same over restarts. Whoever serves announces the
    origin; a lock shows to other processes whether that announcement is still true.
    """

    def __init__(self, home: Path) -> None:
        self._key_file = home / "pages.key"
        self._announcement = home / "run" / "pages.json"

    async def show(self, build: Build) -> str | None:
        """The preview's address, or None while nobody serves."""
        address = self._address("preview", build.digest)
        return address and address + build.first_page.lstrip("/")

    def production(self, repository: Repository, environment: str) -> str | None:
        """The address of what is live, or None while nobody serves."""
        return self._address("live", f"{repository.key}.{environment}")

    def resolve(self, kind: str, token: str) -> str | None:
        """The id in a token whose signature is right for this kind; None otherwise."""
        id, _, signature = token.rpartition("-")
        return id if id and hmac.compare_digest(signature, self._sign(kind, id)) else None

    def path(self, kind: str, id: str) -> str:
        """The address without its origin, such as "/preview/…/"."""
        return f"/{kind}/{id}-{self._sign(kind, id)}/"

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
        return hmac.new(self._key(), f"{kind}:{id}".encode(), sha256).hexdigest()[:32]

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

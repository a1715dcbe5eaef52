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
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from urllib.parse import urlsplit

from honk.adapters.pages.network import is_loopback
from honk.domain.build import Build
from honk.domain.install_link import path_of
from honk.domain.repository import Repository

#: 96 bits in lower-case letters and digits: unguessable, and short enough for a line, a chat and a QR code.
_TOKEN_BYTES = 12
_TOKEN = re.compile(r"[a-z2-7]{20}")
_NONCE = re.compile(r"[0-9a-f]{32}")


class Addresses:
    """Implements honk.ports.Previews. An address is `<origin>/<kind>/<token>/`.

    A token is the signature of what it stands for; a file below `home`/pages, made when the address is
    given out, says what that is. Key and files lie in `home`, so an address stays the same over
    restarts. Whoever serves announces the origin; a lock shows to other processes whether that
    announcement is still true. Where `public_url` is set, every address begins with it instead; no
    header of a request ever decides.
    """

    def __init__(self, home: Path, public_url: str = "", previews_url: str = "") -> None:
        """`previews_url` is such as "https://*.previews.example.com": each preview has a host of its own then."""
        self.public_url = public_url
        self.previews_url = previews_url
        self._nonces = home / "run" / "nonces"
        self._checked = home / "run" / "public_url.json"
        self._key_file = home / "pages.key"
        self._given_out = home / "pages"
        self._announcement = home / "run" / "pages.json"

    async def show(self, build: Build) -> str | None:
        """The preview's address, that of the install page for a phone's app, of a file that of its build's page."""
        if build.package is not None:
            return self.page(path_of(build, "page", self.seal, datetime.now(UTC)))
        if build.kind != "web" and not build.first_page:
            return self.page(f"/builds/{build.id}")  # a file has no page of its own to open
        # Another server may answer with the same files: its address is that of the build itself.
        address = self._address(*(("app", build.id) if build.server is not None else ("preview", build.digest)))
        return address and address + build.first_page.lstrip("/")

    def frame(self, build: Build) -> str | None:
        """The preview as it is shown within a page of Honk's; None while nobody serves."""
        return self._address("frame", build.id) if build.kind == "web" else None

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
        """What addresses begin with now; None while nobody serves."""
        served = self.served_at()
        return served and (self.public_url or served)

    def served_at(self) -> str | None:
        """Where pages are served now, by whichever process, as this machine reaches it."""
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

    def page(self, path: str) -> str | None:
        """The address of one of Honk's own pages, or None while nobody serves."""
        origin = self.origin()
        return origin and origin + path

    def hint(self) -> str:
        """Why a phone cannot open an address now, and what to do; "" as far as is known that it can."""
        served = self.served_at()
        if served is None:
            return "to see it: honk serve"
        if self.public_url:
            found = self._last_check()
            return found and f"a phone may not reach {self.public_url}: {found} (`honk doctor` tries again)"
        if is_loopback(urlsplit(served).hostname or ""):  # also where it listens everywhere: this is what is shown
            return "only this machine can open it: set public_url in honk.toml, then `honk doctor`"
        return ""

    def note_check(self, problem: str) -> None:
        """Remembers what a check of `public_url` from outside found; "" is that all was well."""
        self._checked.parent.mkdir(parents=True, exist_ok=True)
        aside = self._checked.with_name(f"{self._checked.name}.{os.getpid()}")
        aside.write_text(json.dumps({"public_url": self.public_url, "problem": problem}), encoding="utf-8")
        aside.replace(self._checked)

    def _last_check(self) -> str:
        try:
            found = json.loads(self._checked.read_text(encoding="utf-8"))
        except (FileNotFoundError, ValueError):
            return ""
        return str(found["problem"]) if found.get("public_url") == self.public_url else ""

    @contextmanager
    def nonce(self) -> Iterator[tuple[str, str]]:
        """A number to ask with, and what only the server on this home answers while the context is open."""
        self._nonces.mkdir(mode=0o700, parents=True, exist_ok=True)
        nonce = secrets.token_hex(16)
        file = self._nonces / nonce
        file.touch()
        try:
            yield nonce, self.sign("nonce", nonce)
        finally:
            file.unlink(missing_ok=True)

    def answer(self, nonce: str) -> str:
        """The answer to a nonce that was written to this home; "" to anything else."""
        known = _NONCE.fullmatch(nonce) is not None and (self._nonces / nonce).exists()
        return self.sign("nonce", nonce) if known else ""

    def sign(self, kind: str, id: str) -> str:
        """A signature that only this home can make. What is signed as one kind is worth nothing as another."""
        return self._sign(kind, id)

    def seal(self, what: str) -> str:
        """The signature of an install link."""
        return self._sign("install", what)

    def derived(self, purpose: str) -> bytes:
        """32 bytes that only this home has, for one purpose. No signature of `sign` says anything about them."""
        return hmac.new(self._key(), f"derived\0{purpose}".encode(), sha256).digest()

    def _address(self, kind: str, id: str) -> str | None:
        origin = self.origin()
        if origin is None:
            return None
        path = self.path(kind, id)
        if self.previews_url:
            return self.previews_url.replace("*", path.strip("/").replace("/", "-")) + "/"
        return origin + path

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

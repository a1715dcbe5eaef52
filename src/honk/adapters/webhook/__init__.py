"""The channel of an address: Honk posts there what the build is, and the answer says where people get it.

Behind it may be a script that uploads to Firebase App Distribution, Appetize, a store's own track, or a shelf of one's
own. The body is JSON, signed as GitHub signs webhooks: `X-Honk-Signature: sha256=…`, HMAC of the body with the secret.
"""

import hashlib
import hmac
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

import httpx

from honk.domain.build import Build
from honk.domain.channel import ChannelState, Seen
from honk.domain.text import Secret
from honk.errors import NeedsHuman, SettingsWrong, Unreachable
from honk.ports import ChannelOptions, Offered

_SECONDS = 30.0
_LARGEST = 64 << 10
_FORMS = ("apk", "aab", "ipa", "web", "file")


@dataclass(frozen=True, kw_only=True)
class Webhook:
    """Implements honk.ports.Channel."""

    title: str
    url: str
    #: which builds it takes
    forms: frozenset[str]
    secret: Secret
    transport: httpx.AsyncBaseTransport | None = None

    def takes(self, build: Build) -> bool:
        return build.form in self.forms

    async def carry(self, offered: Offered) -> Seen:
        body = json.dumps(_said(offered), separators=(",", ":")).encode()
        signature = hmac.new(self.secret.reveal().encode(), body, hashlib.sha256).hexdigest()
        headers = {
            "Content-Type": "application/json",
            "User-Agent": "honk",
            "Idempotency-Key": offered.build.id,
            "X-Honk-Signature": f"sha256={signature}",
        }
        try:
            async with httpx.AsyncClient(timeout=_SECONDS, transport=self.transport) as client:
                answer = await client.post(self.url, content=body, headers=headers, follow_redirects=False)
        except httpx.HTTPError as exc:
            raise Unreachable(f"{self.title} cannot be reached: {type(exc).__name__}") from exc
        if answer.status_code in {401, 403, 404, 405, 410}:
            raise NeedsHuman(f"{self.title} answered {answer.status_code}", "check its url and its secret in honk.toml")
        if not answer.is_success:
            raise Unreachable(f"{self.title} answered {answer.status_code}")
        return _understood(answer.content)


def webhook(options: ChannelOptions, *, transport: httpx.AsyncBaseTransport | None = None) -> Webhook:
    """The channel as the operator set it. Raises SettingsWrong."""
    options.only("url", "title", "forms")
    url = options.one("url")
    parts = urlsplit(url)
    if parts.scheme not in {"https", "http"} or not parts.hostname or "@" in parts.netloc:
        raise SettingsWrong(f"url in [channels.{options.name}.options] is no address", "such as https://…")
    if not options.secret:
        raise SettingsWrong(
            f"[channels.{options.name}] has no secret_file", "it signs what Honk posts: put 32 random characters there"
        )
    forms = frozenset(options.one("forms", otherwise=",".join(_FORMS)).replace(",", " ").split())
    if strange := sorted(forms - set(_FORMS)):
        raise SettingsWrong(f"{strange[0]!r} is no form of a build", f"it takes {', '.join(_FORMS)}")
    title = options.one("title", otherwise=options.name)
    return Webhook(title=title, url=url, forms=forms, secret=options.secret, transport=transport)


def _said(offered: Offered) -> Mapping[str, Any]:
    build = offered.build
    package = build.package
    facts = package.facts if package is not None else None
    return {
        "build": build.id,
        "task": build.task,
        "repository": offered.repository,
        "commit": build.commit,
        "form": build.form,
        "name": build.name,
        "version": facts.version if facts is not None else build.version,
        "number": facts.number if facts is not None else "",
        "app": facts.id if facts is not None else "",
        "sha256": package.digest if package is not None else build.digest,
        "size": package.size if package is not None else build.size,
        "page": offered.page,
    }


def _understood(content: bytes) -> Seen:
    """Without a word it has it; with a link people can get it there."""
    if len(content) > _LARGEST:
        return Seen(state=ChannelState.PROCESSING, detail="it answered with more than is read")
    try:
        found = json.loads(content) if content.strip() else {}
    except (ValueError, RecursionError):
        found = {}
    known = found if isinstance(found, dict) else {}
    link, detail, until = (str(known.get(name) or "") for name in ("link", "detail", "until"))
    state = str(known.get("state") or ("ready" if link else "processing"))
    if state not in set(ChannelState):
        return Seen(state=ChannelState.PROCESSING, link=link, detail=f"it answered with the state {state[:40]!r}")
    return Seen(state=ChannelState(state), link=link, detail=detail, until=_moment(until))


def _moment(text: str) -> datetime | None:
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return None
    return found if found.tzinfo is not None else found.replace(tzinfo=UTC)

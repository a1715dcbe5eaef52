"""Deployments by webhook: how they are signed, what a target says, and what Honk remembers of each.

Signed as https://github.com/standard-webhooks/standard-webhooks has it, both ways, with one secret for each target.
"""

import base64
import binascii
import hashlib
import hmac
import json
from dataclasses import dataclass
from datetime import datetime, timedelta
from urllib.parse import urlsplit

from honk.domain.deployment import RemoteDeployment, RemoteState
from honk.domain.task import TaskId
from honk.domain.text import Secret, one_line

#: A signature is believed for so long, before and after its time: two clocks may differ.
TOLERANCE = timedelta(minutes=5)
#: bytes of what a target says
SAID_LIMIT = 64 * 1024
_DETAIL, _ADDRESS = 500, 2000
#: Below Honk's own address; with the deployment's id and its seal behind.
CALLBACKS = "/webhooks/deployments"


def signed(id: str, at: datetime, body: bytes, secret: Secret) -> dict[str, str]:
    """The headers that go along."""
    moment = str(int(at.timestamp()))
    return {
        "webhook-id": id,
        "webhook-timestamp": moment,
        "webhook-signature": f"v1,{_signature(id, moment, body, secret)}",
    }


def why_unsigned(headers: dict[str, str], body: bytes, secret: Secret, now: datetime) -> str:
    """Why these words are not those of whoever has the secret; "" where they are."""
    id, moment = headers.get("webhook-id", ""), headers.get("webhook-timestamp", "")
    if not id or not moment.isascii() or not moment.isdigit() or len(moment) > 12:
        return "webhook-id or webhook-timestamp is missing"
    if abs(int(moment) - now.timestamp()) > TOLERANCE.total_seconds():
        return "webhook-timestamp is too old, or to come"
    wanted = f"v1,{_signature(id, moment, body, secret)}".encode()
    shown = headers.get("webhook-signature", "").encode("utf-8", "replace").split()
    return "" if any([hmac.compare_digest(one, wanted) for one in shown]) else "the signature is another one"


def _signature(id: str, moment: str, body: bytes, secret: Secret) -> str:
    key = secret.reveal()
    if key.startswith("whsec_"):
        try:
            raw = base64.b64decode(key.removeprefix("whsec_"), validate=True)
        except binascii.Error:
            raw = key.encode()
    else:
        raw = key.encode()
    digest = hmac.new(raw, f"{id}.{moment}.".encode() + body, hashlib.sha256).digest()
    return base64.b64encode(digest).decode()


def callback_of(deployment: str) -> str:
    """What is sealed in the address to which a target calls back."""
    return f"deployment-callback {deployment}"


def host_of(url: str) -> str:
    """As the operator names a target: the host, with its port where that is not the usual one."""
    parts = urlsplit(url)
    usual = {"https": 443, "http": 80}.get(parts.scheme)
    host = (parts.hostname or "").lower()
    return host if parts.port in {None, usual} else f"{host}:{parts.port}"


def _page(url: str) -> str:
    """An address that may be shown as a link; "" for any other."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return ""
    shown = parts.scheme in {"http", "https"} and parts.hostname and "@" not in parts.netloc
    return url if shown and len(url) <= _ADDRESS else ""


@dataclass(frozen=True, kw_only=True, slots=True)
class TargetSays:
    """What a target says of a deployment, in an answer or a callback; what else is in it is not read."""

    state: RemoteState = RemoteState.RUNNING
    #: what it does, waits for, or why it failed
    detail: str = ""
    #: where the version is, and where people read how it came there
    url: str = ""
    log_url: str = ""
    #: where it is asked how far it has come; at the target's own host
    status_url: str = ""

    @property
    def ended(self) -> bool:
        """Whether it says how it ended."""
        return self.state in {RemoteState.LIVE, RemoteState.FAILED}

    @staticmethod
    def read(body: bytes) -> "TargetSays":
        """Raises ValueError for what is none."""
        try:
            found = json.loads(body) if body.strip() else {}
        except RecursionError:
            raise ValueError("too deep") from None
        if not isinstance(found, dict):
            raise ValueError("no JSON object")
        words = {name: found.get(name, "") for name in ("detail", "url", "log_url", "status_url")}
        if not all(isinstance(one, str) for one in words.values()):
            raise ValueError("these are words: detail, url, log_url, status_url")
        words = {name: one.encode("utf-8", "replace").decode().replace("\0", "") for name, one in words.items()}
        pages = {name: _page(words[name]) for name in ("url", "log_url", "status_url")}
        return TargetSays(state=RemoteState(found.get("state", "running")), detail=words["detail"], **pages)

    def of(self, deployment: str) -> RemoteDeployment:
        """The deployment as it is by these words."""
        return RemoteDeployment(
            id=f"webhook-{deployment}",
            state=self.state,
            detail=one_line(self.detail)[:_DETAIL],
            url=self.url,
            log_url=self.log_url,
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class WebhookCall:
    """A deployment that a target was told of, or may have been."""

    deployment: str
    task: TaskId
    #: the target, see `host_of`
    host: str
    asked_at: datetime
    #: when it said that it has it; None while that is in doubt
    answered_at: datetime | None = None
    #: where to ask, by its own words; "" where it named none
    status_url: str = ""
    #: what was said last, and when by its own clock
    said: TargetSays = TargetSays()
    said_at: datetime | None = None

    @property
    def ended(self) -> bool:
        """Whether it said how it ended; nothing is believed after that."""
        return self.said.ended

"""Deployments by webhook: told once, asked about afterwards, and never told again while it is in doubt."""

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

from honk.adapters.broker.calling import Answered, Calls, InDoubt, NotSent
from honk.domain.deploy_webhook import (
    CALLBACKS,
    SAID_LIMIT,
    TargetSays,
    WebhookCall,
    callback_of,
    host_of,
    signed,
)
from honk.domain.deployment import RemoteDeployment, RemoteRelease, RemoteState
from honk.domain.repository import Repository
from honk.domain.text import Secret, one_line
from honk.errors import ForgeRefused, Unreachable
from honk.ports import Clock, Previews, WebhookCalls

#: A target that names no address to ask, and says nothing for so long, is looked at by a person.
_SILENCE = timedelta(hours=1)
_UNKNOWN = frozenset({404, 410})


class WebhookDeployer:
    """Implements honk.ports.Deployer: by signed calls to a target that the operator allows."""

    def __init__(
        self,
        calls: Calls,
        known: WebhookCalls,
        *,
        secret: Callable[[str], Secret | None],
        addresses: Previews,
        clock: Clock,
    ) -> None:
        """`secret`: of a target by its host, None for one that is not allowed."""
        self._calls = calls
        self._known = known
        self._secret = secret
        self._addresses = addresses
        self._clock = clock

    async def start(self, repository: Repository, release: RemoteRelease) -> RemoteDeployment:
        secret = self._allowed(release.webhook)
        known = await self._known.find(release.id)
        if known is not None and known.answered_at is not None:
            return await self.look(repository, release, f"webhook-{release.id}")
        if known is not None and (found := await self._in_doubt(release, known, secret)) is not None:
            return found
        call = WebhookCall(
            deployment=release.id,
            task=release.task,
            host=host_of(release.webhook),
            asked_at=self._clock(),
        )
        await self._known.begin(call)
        headers = signed(release.id, self._clock(), body := self._body(repository, release), secret)
        headers |= {"Content-Type": "application/json", "Idempotency-Key": release.id}
        try:
            answered = await self._calls.send("POST", release.webhook, headers, body, limit=SAID_LIMIT)
        except NotSent as exc:
            await self._known.forget(release.id)
            raise Unreachable(f"the deployment was not sent to {call.host}: {exc}") from exc
        except InDoubt as exc:
            found = await self._in_doubt(release, call, secret)
            if found is None:
                await self._known.forget(release.id)
                raise Unreachable(f"{call.host} knows nothing of the deployment: {exc}") from exc
            return found
        return await self._taken(release, call, answered, secret)

    async def look(self, repository: Repository, release: RemoteRelease, id: str) -> RemoteDeployment:
        secret = self._allowed(release.webhook)
        call = await self._known.find(release.id)
        if call is None:
            return _asks(release, f"Honk knows nothing of what it told {host_of(release.webhook)}")
        if call.ended:
            return call.said.of(release.id)
        if not call.answered_at and call.said_at is None:
            found = await self._in_doubt(release, call, secret)
            return found or await self.start(repository, release)
        if where := call.status_url or release.status:
            said = await self._asked(release, where, secret)
            if said is None:
                return _asks(release, f"{call.host} does not know of it any more")
            await self._known.say(release.id, said, self._clock())
            return said.of(release.id)
        heard = max(one for one in (call.answered_at, call.said_at) if one is not None)
        if self._clock() - heard > _SILENCE:
            return _asks(release, f"{call.host} has said nothing since {heard:%Y-%m-%d %H:%M} UTC")
        return call.said.of(release.id)

    def _allowed(self, webhook: str) -> Secret:
        host = host_of(webhook)
        secret = self._secret(host)
        if secret is None:
            remedy = f"the operator names {host} and its secret below [webhooks] in honk.toml"
            raise ForgeRefused(f"deployments by {host} are not allowed here", remedy)
        return secret

    def _body(self, repository: Repository, release: RemoteRelease) -> bytes:
        seal = self._addresses.seal(callback_of(release.id))
        said = {
            "type": "deployment.requested",
            "deployment": release.id,
            "repository": repository.url,
            "environment": release.environment,
            "branch": release.ref,
            "commit": release.commit,
            "digest": release.digest,
            "task": release.task,
            "callback_url": self._addresses.page(f"{CALLBACKS}/{release.id}/{seal}"),
        }
        return json.dumps(said, separators=(",", ":")).encode()

    async def _taken(
        self, release: RemoteRelease, call: WebhookCall, answered: Answered, secret: Secret
    ) -> RemoteDeployment:
        """What it answered to the call itself."""
        if answered.status >= 500:
            found = await self._in_doubt(release, call, secret)
            if found is None:
                await self._known.forget(release.id)
                raise Unreachable(f"{call.host} answered {answered.status}, and knows nothing of the deployment")
            return found
        if not 200 <= answered.status < 300:
            said = TargetSays(state=RemoteState.FAILED, detail=f"{call.host} answered {answered.status}")
        else:
            said = _read(answered.body)
        own = said.status_url if host_of(said.status_url) == call.host else ""
        await self._known.answered(release.id, own, self._clock())
        await self._known.say(release.id, said, self._clock())
        now = await self._known.find(release.id)  # a callback may have come before the answer
        return (now.said if now is not None else said).of(release.id)

    async def _in_doubt(self, release: RemoteRelease, call: WebhookCall, secret: Secret) -> RemoteDeployment | None:
        """Whether it was told already, of which no answer is known; None where it certainly was not."""
        now = await self._known.find(release.id)
        if now is not None and (now.said_at is not None or now.answered_at is not None):
            return now.said.of(release.id)  # it called back, so it knows
        if not release.status:
            return _asks(release, f"it is not known whether {call.host} was told, and it cannot be asked")
        said = await self._asked(release, release.status, secret)
        if said is None:
            return None
        await self._known.answered(release.id, "", self._clock())
        await self._known.say(release.id, said, self._clock())
        return said.of(release.id)

    async def _asked(self, release: RemoteRelease, where: str, secret: Secret) -> TargetSays | None:
        """What the target says of it; None where it knows nothing of it. Raises Unreachable."""
        host = host_of(where)
        if host != host_of(release.webhook):
            raise ForgeRefused(f"{host} is not asked about what {host_of(release.webhook)} deploys")
        try:
            headers = signed(release.id, self._clock(), b"", secret)
            answered = await self._calls.send("GET", where, headers, b"", limit=SAID_LIMIT)
        except (NotSent, InDoubt) as exc:
            raise Unreachable(f"{host} cannot be asked about the deployment: {exc}") from exc
        if answered.status in _UNKNOWN:
            return None
        if not 200 <= answered.status < 300:
            raise Unreachable(f"{host} answered {answered.status} when it was asked about the deployment")
        return _read(answered.body)


def _read(body: bytes) -> TargetSays:
    """What is no answer of the agreed form says that it goes on, and nothing more."""
    try:
        return TargetSays.read(body)
    except ValueError:
        return TargetSays()


def _asks(release: RemoteRelease, why: str) -> RemoteDeployment:
    """A person has to look there, and say how it is."""
    detail = f"{one_line(why)}: look there, then say how it is: honk deployed {release.task} live|failed"
    return replace(TargetSays(state=RemoteState.WAITING).of(release.id), detail=detail)

"""Whether Honk may do on GitHub what it is made for: each permission by trying it, where that does no harm.

Tokens that are minted for a trial are ended again. Nothing is written at GitHub; it is asked to deliver once more.
"""

import hashlib
import hmac
import json
from collections.abc import AsyncIterator
from datetime import datetime
from typing import Any

import anyio
import httpx

from honk.domain.text import Secret
from honk.errors import HonkError
from honk.service import Diagnosis
from honk.settings import Settings
from honk.wiring.github_app import EVENTS, EVENTS_PATH, PERMISSIONS
from honk.wiring.github_asking import Asking, Told

#: seconds by which clocks may differ: a signed request counts from a minute ago on, for ten minutes at most
_SKEW = 50.0
#: seconds that GitHub has for a delivery that it was asked for
_ARRIVES = 20.0
#: installations and repositories that are tried by themselves
_MOST = 5
#: scopes that a classic personal token needs
_SCOPES = ("repo", "workflow")
#: Harmless reads, each with the permission that it needs.
_READS = {
    "contents": "commits",
    "issues": "issues",
    "pull_requests": "pulls",
    "checks": "commits/HEAD/check-runs",
    "statuses": "commits/HEAD/status",
    "actions": "actions/runs",
    "deployments": "deployments",
}


def says(name: str, ok: bool, detail: str, remedy: str = "", *, required: bool = True) -> Diagnosis:
    """One line of what was tried on GitHub."""
    return Diagnosis(
        name=f"GitHub: {name}" if name else "GitHub", ok=ok, detail=detail, remedy=remedy, required=required
    )


class Checks:
    """Tries everything in turn. Each answer is a line; nothing is raised for what GitHub refuses."""

    def __init__(self, asking: Asking, settings: Settings, *, pause: float = 1.0) -> None:
        self._asking = asking
        #: seconds between two looks whether GitHub has delivered
        self._pause = pause
        self._settings = settings
        self._web = settings.file.github.web_url
        #: what people see of the app, and where its owner changes it, once that is known
        self._page = self._settings_page = ""
        self.slug = settings.github.slug

    async def all(self) -> AsyncIterator[Diagnosis]:
        """The whole of it."""
        try:
            yield await self.server()
            if not self._settings.github.has_app:
                for one in await self.personal():
                    yield one
                return
            app = await self.app()
            for one in app:
                yield one
            if not app[0].ok:
                return
            for one in await self.webhook():
                yield one
            if (again := await self._delivered()) is not None:
                yield again
            async for one in self._installations():
                yield one
        except HonkError as error:
            yield says("", False, error.message, error.remedy)

    async def server(self) -> Diagnosis:
        """Whether it answers, which version it is, and whether its clock and ours agree."""
        told = await self._asking.ask("GET", "/meta")
        version = str(told.of.get("installed_version") or told.headers.get("x-github-enterprise-version", ""))
        shown = f"{self._asking.api}" + (f", GitHub Enterprise Server {version[:40]}" if version else "")
        if (ahead := told.ahead) is not None and abs(ahead) > _SKEW:
            way = "behind" if ahead > 0 else "ahead of"
            detail = f"this machine's clock is {abs(ahead):.0f} s {way} that of {self._asking.api}"
            return says("server", False, detail, "set the clock by NTP: signed requests count for minutes")
        if told.status == 404 or told.status >= 500:
            return says("server", False, f"{shown}: status {told.status}", "see [github] web_url and api_url")
        return says("server", True, shown)

    # ── the app ────────────────────────────────────────────────────────────────────────────────
    async def app(self) -> list[Diagnosis]:
        """Whether the key is the app's, and what the app asks for; compared with what Honk needs."""
        told = await self._asking.as_app("GET", "/app")
        if told.status != 200:
            remedy = "GITHUB_APP_ID and the private key must be of the same app; a clock that is wrong does it too"
            return [says("app", False, f"GitHub does not take the app's key ({told.status}): {told.said}", remedy)]
        self.slug, self._page = str(told.of.get("slug") or self.slug), str(told.of.get("html_url") or "")
        owner = told.of.get("owner") or {}
        below = f"/organizations/{owner.get('login')}" if owner.get("type") == "Organization" else ""
        self._settings_page = f"{self._web}{below}/settings/apps/{self.slug}"
        found = [says("app", True, f"{self.slug}, of {owner.get('login', '?')}: mention it as @{self.slug}")]
        asked, events = told.of.get("permissions") or {}, set(told.of.get("events") or ())
        found += lacking(asked, f"{self._settings_page} → Permissions & events, then accept it where it is installed")
        if silent := [one for one in EVENTS if one not in events]:
            found.append(
                says(
                    "events",
                    False,
                    f"the app does not tell of: {', '.join(silent)}",
                    f"{self._settings_page} → Permissions & events → Subscribe to events",
                    required=False,
                )
            )
        return found

    @property
    def install(self) -> str:
        """Where the app is let into repositories."""
        return f"{self._page}/installations/new" if self._page else f"{self._web}/apps/{self.slug}/installations/new"

    # ── deliveries ─────────────────────────────────────────────────────────────────────────────
    async def webhook(self) -> list[Diagnosis]:
        """How news come: what is set at GitHub, what became of the last deliveries, and whether they can come here."""
        file, secret = self._settings.file, self._settings.github.webhook_secret
        if not file.public_url.startswith("https://"):
            looks = f"none: Honk looks for news itself every {poll_seconds(self._settings):.0f} s"
            return [says("webhook", True, looks, required=False)]
        wanted = f"{file.public_url}{EVENTS_PATH}"
        told = await self._asking.as_app("GET", "/app/hook/config")
        at = str(told.of.get("url") or "")
        found = []
        if at != wanted:
            remedy = f"{self._settings_page} → Webhook: Active, URL {wanted}, and the secret; or honk github setup"
            found.append(says("webhook", False, f"GitHub sends to {at or 'nowhere'}, not to {wanted}", remedy))
        elif str(told.of.get("insecure_ssl", "0")) != "0":
            remedy = f"{self._settings_page} → Webhook → Enable SSL verification"
            found.append(says("webhook", False, "GitHub does not look at this server's certificate", remedy))
        elif told.of.get("content_type") not in {"json", None}:
            found.append(says("webhook", False, "GitHub sends forms", f"{self._settings_page}: application/json"))
        else:
            found.append(says("webhook", True, f"GitHub sends to {wanted}"))
        found.append(await self._deliveries())
        found.append(await verify(file.public_url, secret))
        return found

    async def _deliveries(self) -> Diagnosis:
        told = await self._asking.as_app("GET", "/app/hook/deliveries", per_page=10)
        if not told.each:
            return says("deliveries", True, "none yet", required=False)
        last = told.each[0]
        bad = [one for one in told.each if not 200 <= int(one.get("status_code") or 0) < 300]
        shown = f"the last one, {last.get('event')}, {_moment(last.get('delivered_at'))}: {last.get('status_code')}"
        if last in bad:
            detail = f"{len(bad)} of the last {len(told.each)} did not arrive; {shown} {str(last.get('status'))[:80]}"
            remedy = f"honk doctor says whether this server is reached; {self._settings_page} → Advanced sends it again"
            return says("deliveries", False, detail, remedy)
        return says("deliveries", True, shown)

    async def _delivered(self) -> Diagnosis | None:
        """Has GitHub deliver its latest news again, which has no effect here, and waits for what becomes of it.

        https://docs.github.com/en/rest/apps/webhooks#redeliver-a-delivery-for-an-app-webhook
        """
        if not self._settings.file.public_url.startswith("https://"):
            return None
        before = (await self._asking.as_app("GET", "/app/hook/deliveries", per_page=10)).each
        if not before:
            return None
        guid, known = before[0].get("guid"), {one.get("id") for one in before}
        asked = await self._asking.as_app("POST", f"/app/hook/deliveries/{before[0].get('id')}/attempts")
        if asked.status != 202:
            return None
        with anyio.move_on_after(_ARRIVES):
            while True:
                await anyio.sleep(self._pause)
                now = (await self._asking.as_app("GET", "/app/hook/deliveries", per_page=10)).each
                found = next((one for one in now if one.get("guid") == guid and one.get("id") not in known), None)
                if found is not None:
                    code = int(found.get("status_code") or 0)
                    detail = f"GitHub delivered its latest news again: {code} {str(found.get('status'))[:80]}"
                    return says("delivery", 200 <= code < 300, detail, "honk doctor: public address")
        return says("delivery", False, f"GitHub did not deliver within {_ARRIVES:.0f} s", "try again", required=False)

    # ── where it is ────────────────────────────────────────────────────────────────────────────
    async def installations(self) -> list[dict[str, Any]]:
        """Where the app is installed, as GitHub lists it; the first hundred."""
        return (await self._asking.as_app("GET", "/app/installations", per_page=100)).each

    async def _installations(self) -> AsyncIterator[Diagnosis]:
        there = await self.installations()
        if not there:
            yield says("installations", False, "the app is installed nowhere", f"open {self.install}")
            return
        for one in there[:_MOST]:
            async for line in self._installation(one):
                yield line
        if len(there) > _MOST:
            yield says("installations", True, f"{len(there)} in all; the first {_MOST} were tried")

    async def _installation(self, one: dict[str, Any]) -> AsyncIterator[Diagnosis]:
        account, id = str((one.get("account") or {}).get("login", "?")), one.get("id")
        name = f"installed at {account}"
        if one.get("suspended_at"):
            remedy = f"an owner of {account} unsuspends it: Settings → GitHub Apps → Configure"
            yield says(name, False, "suspended", remedy)
            return
        granted = one.get("permissions") or {}
        remedy = f"an owner of {account} accepts the new permissions: Settings → GitHub Apps → Configure"
        if wrong := lacking(granted, remedy, where=account):
            for line in wrong:
                yield line
        tried = await self._minted(id, granted)
        for permission, told in tried.items():
            if told.status != 201:
                need = PERMISSIONS[permission]
                yield says(f"{permission} at {account}", False, told.said, remedy, required=need.required)
        whole = await self._asking.as_app("POST", f"/app/installations/{id}/access_tokens")
        if whole.status != 201:
            yield says(name, False, f"GitHub gives no token ({whole.status}): {whole.said}", self.install)
            return
        token = Secret(str(whole.of.get("token")))
        try:
            async for line in self._seen(account, token):
                yield line
        finally:
            await self._asking.ask("DELETE", "/installation/token", token=token)

    async def _minted(self, id: object, granted: dict[str, Any]) -> dict[str, Told]:
        """A token for each permission by itself; each is ended at once."""
        found = {}
        for name, need in PERMISSIONS.items():
            if not need.granted(str(granted.get(name, ""))):
                continue
            told = await self._asking.as_app(
                "POST", f"/app/installations/{id}/access_tokens", {"permissions": {name: need.level}}
            )
            found[name] = told
            if told.status == 201:
                await self._asking.ask("DELETE", "/installation/token", token=Secret(str(told.of.get("token"))))
        return found

    async def _seen(self, account: str, token: Secret) -> AsyncIterator[Diagnosis]:
        told = await self._asking.ask("GET", "/installation/repositories", token=token, per_page=1)
        listed = told.of.get("repositories") or []
        count = told.of.get("total_count", 0)
        if not listed:
            yield says(f"installed at {account}", False, "no repository is shared with it", self.install)
            return
        full_name = str(listed[0].get("full_name"))
        refused = await self._read(full_name, token)
        left = await self._left(token)
        detail = f"{count} repositories; {left}"
        yield says(f"installed at {account}", True, detail)
        for permission, said in refused.items():
            remedy = "see the permissions above; single sign-on or an IP allow list refuses too"
            yield says(f"reading {permission} of {full_name}", False, said, remedy)
        if not refused:
            yield says(f"reading {full_name}", True, ", ".join(_READS))

    async def _read(self, full_name: str, token: Secret) -> dict[str, str]:
        """What a read of each kind says where it is refused; an empty repository, or one without issues, is none."""
        refused = {}
        for permission, path in _READS.items():
            told = await self._asking.ask("GET", f"/repos/{full_name}/{path}", token=token, per_page=1)
            if told.status in {401, 403}:
                refused[permission] = told.said or f"status {told.status}"
        return refused

    async def _left(self, token: Secret) -> str:
        core = ((await self._asking.ask("GET", "/rate_limit", token=token)).of.get("resources") or {}).get("core") or {}
        if not core.get("limit"):
            return "no limit of requests is said"
        return f"{core.get('remaining')} of {core.get('limit')} requests an hour are left"

    # ── a person's own token ───────────────────────────────────────────────────────────────────
    async def personal(self) -> list[Diagnosis]:
        """Whose it is, what it may do as far as GitHub says, and when it ends."""
        token = self._settings.github.token
        told = await self._asking.ask("GET", "/user", token=token)
        if told.status != 200:
            remedy = "make another one: Settings → Developer settings → Personal access tokens"
            return [
                says("token", False, f"GitHub does not take HONK_GITHUB_TOKEN ({told.status}): {told.said}", remedy)
            ]
        login = str(told.of.get("login"))
        found = [says("token", True, f"Honk acts as {login}, {await self._left(token)}")]
        if "x-oauth-scopes" in told.headers:
            scopes = {one.strip() for one in told.headers["x-oauth-scopes"].split(",")}
            missing = [one for one in _SCOPES if one not in scopes]
            found.append(
                says(
                    "scopes",
                    not missing,
                    f"missing: {', '.join(missing)}" if missing else ", ".join(_SCOPES),
                    "edit the token at GitHub and add them",
                    required="repo" in missing,
                )
            )
        else:
            detail = "a fine-grained token: GitHub does not say what it may do; reading is tried"
            found.append(says("scopes", True, detail, required=False))
        if ends := told.headers.get("github-authentication-token-expiration"):
            found.append(says("token's end", True, str(ends)[:40], required=False))
        found += await self._repositories_of(token)
        return found

    async def _repositories_of(self, token: Secret) -> list[Diagnosis]:
        told = await self._asking.ask("GET", "/user/repos", token=token, per_page=1, sort="pushed")
        if not told.each:
            return [says("repositories", False, "the token sees none", "give it repositories at GitHub")]
        full_name = str(told.each[0].get("full_name"))
        refused = await self._read(full_name, token)
        if not refused:
            return [says(f"reading {full_name}", True, ", ".join(_READS))]
        return [says(f"reading {one} of {full_name}", False, said, "widen the token") for one, said in refused.items()]


def lacking(granted: dict[str, Any], remedy: str, *, where: str = "") -> list[Diagnosis]:
    """What was granted, compared with what Honk needs: a line for each that is missing, or one for all."""
    at = f" at {where}" if where else ""
    missing = [
        says(
            f"{name}: {need.level}{at}",
            False,
            f"missing; without it Honk cannot: {need.purpose}",
            remedy,
            required=need.required,
        )
        for name, need in PERMISSIONS.items()
        if not need.granted(str(granted.get(name, "")))
    ]
    more = sorted(set(granted) - set(PERMISSIONS))
    detail = f"all {len(PERMISSIONS)}" + (f"; more than Honk needs: {', '.join(more)}" if more else "")
    return missing or [says(f"permissions{at}", True, detail)]


def poll_seconds(settings: Settings) -> float:
    """Between two looks for news; 0 where webhooks alone bring them."""
    wanted = settings.file.github.poll_seconds
    if wanted is not None:
        return wanted
    called = settings.file.public_url.startswith("https://") and bool(settings.github.webhook_secret)
    return 0.0 if called else 60.0


async def verify(public_url: str, secret: Secret) -> Diagnosis:
    """Sends GitHub's own first delivery, signed, to this server, then one with a wrong signature."""
    url = f"{public_url}{EVENTS_PATH}"
    if not secret:
        remedy = "GITHUB_WEBHOOK_SECRET: the same as on the app's page → Webhook secret"
        return says("requests", False, "the secret of the webhook is not set", remedy)
    body = json.dumps({"zen": "Honk tries its own door.", "hook_id": 0}).encode()
    try:
        async with httpx.AsyncClient(timeout=10) as client:
            right = await _post(client, url, body, secret.reveal())
            wrong = await _post(client, url, body, f"not {secret.reveal()}")
    except httpx.HTTPError as exc:
        return says("requests", False, f"{url} cannot be reached ({type(exc).__name__})", "honk doctor: public address")
    if right in {401, 403}:
        remedy = "is the server started with the same GITHUB_WEBHOOK_SECRET?"
        return says("requests", False, f"{url} refuses a signed request", remedy)
    if not 200 <= right < 300:
        return says(
            "requests", False, f"{url} answers with {right}", "is honk serve running there, with GitHub set up?"
        )
    if wrong not in {401, 403}:
        return says("requests", False, f"{url} believes a wrong signature", "something else than Honk answers there")
    return says("requests", True, f"{url} answers, and refuses a wrong signature")


async def _post(client: httpx.AsyncClient, url: str, body: bytes, secret: str) -> int:
    """https://docs.github.com/en/webhooks/using-webhooks/validating-webhook-deliveries"""
    headers = {
        "Content-Type": "application/json",
        "X-GitHub-Event": "ping",
        "X-GitHub-Delivery": "00000000-0000-0000-0000-000000000000",
        "X-Hub-Signature-256": f"sha256={hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()}",
    }
    return (await client.post(url, content=body, headers=headers)).status_code


def _moment(text: object) -> str:
    try:
        return f"{datetime.fromisoformat(str(text)):%Y-%m-%d %H:%M}"
    except ValueError:
        return str(text)[:30]

"""/app, /installation, /user, the app manifest, and deliveries of the app's webhook."""

from honk.testing.fake_github import access, shapes
from honk.testing.fake_github.hooks import Delivery
from honk.testing.fake_github.records import Account, App, Installation, Json, Repo
from honk.testing.fake_github.wire import Call, Refused, Reply, Route, absent, paged


def _app(call: Call) -> App:
    assert call.who.app is not None
    return call.who.app


def get_app(call: Call) -> Reply:
    app = _app(call)
    count = sum(one.app is app and not one.removed for one in call.world.installations.values())
    return Reply(body={**shapes.app(call.world, app), "installations_count": count})


def installations(call: Call) -> Reply:
    found = [one for one in call.world.installations.values() if one.app is _app(call) and not one.removed]
    return paged(found, lambda one: shapes.installation(call.world, one))


def _installation(call: Call) -> Installation:
    found = call.world.installations.get(call.number("id"))
    if found is None or found.app is not _app(call) or found.removed:
        raise absent()
    return found


def get_installation(call: Call) -> Reply:
    return Reply(body=shapes.installation(call.world, _installation(call)))


def create_token(call: Call) -> Reply:
    """Narrows: what the installation has not is refused with 422."""
    one = _installation(call)
    if one.suspended_at:
        raise Refused(403, "This installation has been suspended")
    wanted = call.given("permissions", dict, otherwise=None)
    for name, level in (wanted or {}).items():
        if not access.holds({"metadata": "read", **one.permissions}, f"{name}:{level}"):
            raise Refused(422, "The permissions requested are not granted to this installation.")
    token = call.world.installation_token(one, permissions=wanted, repositories=_narrowed(call, one))
    return Reply(201, shapes.token(call.world, token))


def _narrowed(call: Call, one: Installation) -> set[int] | None:
    names, ids = call.given("repositories", list, otherwise=None), call.given("repository_ids", list, otherwise=None)
    if names is None and ids is None:
        return None if one.repositories is None else set(one.repositories)
    found: set[int] = set()
    for key in [*(names or []), *(ids or [])]:
        repo = _owned(call, one, key)
        if repo is None:
            raise Refused(
                422,
                "There is at least one repository that does not exist or is not accessible to the parent installation.",
            )
        found.add(repo.id)
    return found


def _owned(call: Call, one: Installation, key: object) -> Repo | None:
    for repo in call.world.repos.values():
        if access.covers(one, repo) and (repo.id == key or str(key).lower() == repo.name.lower()):
            return repo
    return None


def revoke_token(call: Call) -> Reply:
    assert call.who.token is not None
    call.who.token.revoked = True
    return Reply(204)


def _reachable(call: Call) -> list[Repo]:
    return [one for one in call.world.repos.values() if call.who.token and _has(call, one)]


def _has(call: Call, repo: Repo) -> bool:
    token, installation = call.who.token, call.who.installation
    if token is None or installation is None or not access.covers(installation, repo):
        return False
    return token.repositories is None or repo.id in token.repositories


def installation_repositories(call: Call) -> Reply:
    def shape(one: Repo) -> Json:
        return {**shapes.repository(call.world, one), "permissions": shapes.rights("read")}

    return paged(_reachable(call), shape, "repositories")


def repository_installation(call: Call) -> Reply:
    for one in call.world.installations.values():
        if one.app is _app(call) and call.found and access.covers(one, call.found):
            return Reply(body=shapes.installation(call.world, one))
    raise absent()


def account_installation(call: Call) -> Reply:
    for one in call.world.installations.values():
        if one.app is _app(call) and not one.removed and one.account.login.lower() == call.params["name"].lower():
            return Reply(body=shapes.installation(call.world, one))
    raise absent()


def me(call: Call) -> Reply:
    if call.who.kind == "installation":
        raise Refused(403, "Resource not accessible by integration")
    return Reply(body=shapes.public_user(call.world, call.who.person))


def my_emails(call: Call) -> Reply:
    who = call.who.person
    return Reply(body=[{"email": who.email, "primary": True, "verified": who.email_verified, "visibility": "private"}])


def my_installations(call: Call) -> Reply:
    found = [
        one
        for one in call.world.installations.values()
        if one.app is call.who.app and not one.removed and any(_common(call, one))
    ]
    return paged(found, lambda one: shapes.installation(call.world, one), "installations")


def _common(call: Call, one: Installation) -> list[Repo]:
    return [
        repo
        for repo in call.world.repos.values()
        if access.covers(one, repo) and access.role(call.world, call.who.account, repo) != "none"
    ]


def my_repositories(call: Call) -> Reply:
    found = [one for one in call.world.repos.values() if access.role(call.world, call.who.account, one) != "none"]
    own = [one for one in found if one.private or access.role(call.world, call.who.account, one) != "read"]
    return paged([one for one in own if access.sees(call.world, call.who, one)], lambda one: _mine(call, one))


def _mine(call: Call, one: Repo) -> Json:
    role = access.role(call.world, call.who.account, one)
    return shapes.full_repository(call.world, one, role, settings=False)


def get_user(call: Call) -> Reply:
    found = call.world.accounts.get(call.params["name"].lower())
    if found is None:
        raise absent()
    return Reply(body=shapes.public_user(call.world, found))


def member(call: Call) -> Reply:
    found = call.world.accounts.get(call.params["org"].lower())
    if found is None or call.params["name"] not in found.members:
        raise absent()
    return Reply(204)


def team_members(call: Call) -> Reply:
    found: Account | None = call.world.accounts.get(call.params["org"].lower())
    if found is None or call.params["team"] not in found.teams:
        raise absent()
    people = [call.world.account(one) for one in found.teams[call.params["team"]]]
    return paged(people, lambda one: shapes.user(call.world, one))


def convert_manifest(call: Call) -> Reply:
    """A code of the manifest flow becomes the app, once and within the hour."""
    found = call.world.codes.pop(call.params["code"], None)
    if found is None or "manifest" not in found or (call.world.now() - found["at"]).total_seconds() > 3600:
        raise absent()
    app = found["app"]
    return Reply(
        201,
        {
            **shapes.app(call.world, app),
            "client_secret": app.client_secret,
            "webhook_secret": app.webhook_secret or None,
            "pem": app.private_key,
        },
    )


def hook_config(call: Call) -> Reply:
    return Reply(body=_config(_app(call)))


def _config(app: App) -> Json:
    return {
        "content_type": "json",
        "insecure_ssl": "0",
        "secret": "********" if app.webhook_secret else "",
        "url": app.webhook_url,
    }


def set_hook_config(call: Call) -> Reply:
    app = _app(call)
    app.webhook_url = call.text("url", otherwise=app.webhook_url)
    app.webhook_secret = call.text("secret", otherwise=app.webhook_secret)
    return Reply(body=_config(app))


def deliveries(call: Call) -> Reply:
    found = [one for one in reversed(call.world.hooks.deliveries) if one.app is _app(call)]
    return paged(found, lambda one: _item(one))


def _item(one: Delivery) -> Json:
    return {
        "id": one.id,
        "guid": one.guid,
        "delivered_at": shapes.when(one.at),
        "redelivery": one.redelivery,
        "duration": 0.1,
        "status": "OK" if 200 <= one.status < 300 else "Invalid HTTP Response: " + str(one.status),
        "status_code": one.status,
        "event": one.event,
        "action": one.action,
        "installation_id": one.installation,
        "repository_id": one.repository,
        "throttled_at": None,
    }


def _delivery(call: Call) -> Delivery:
    for one in call.world.hooks.deliveries:
        if one.app is _app(call) and one.id == call.number("id"):
            return one
    raise absent()


def get_delivery(call: Call) -> Reply:
    one = _delivery(call)
    more = {
        "url": one.app.webhook_url,
        "request": {"headers": dict(one.headers), "payload": one.payload},
        "response": {"headers": {}, "payload": one.answer},
    }
    return Reply(body={**_item(one), **more})


def redeliver(call: Call) -> Reply:
    call.world.hooks.redeliver(_delivery(call))
    return Reply(202, {})


def rate_limit(call: Call) -> Reply:
    said, _ = call.world.limits.headers(call.who, counts=False)
    names = ("limit", "remaining", "used", "reset")
    core = {name: int(said[f"X-RateLimit-{name.capitalize()}"]) for name in names}
    return Reply(body={"resources": {"core": core, "search": core, "graphql": core}, "rate": core})


def meta(call: Call) -> Reply:
    found: Json = {"verifiable_password_authentication": False}
    if call.world.enterprise:
        found["installed_version"] = call.world.enterprise
    return Reply(body=found)


def root(call: Call) -> Reply:
    return Reply(body={"current_user_url": f"{call.world.url}/user"})


ROUTES = [
    Route("GET", "/", root),
    Route("GET", "/meta", meta),
    Route("GET", "/rate_limit", rate_limit),
    Route("GET", "/app", get_app, only=("app",)),
    Route("GET", "/app/installations", installations, only=("app",)),
    Route("GET", "/app/installations/{id}", get_installation, only=("app",)),
    Route("POST", "/app/installations/{id}/access_tokens", create_token, only=("app",)),
    Route("GET", "/app/hook/config", hook_config, only=("app",)),
    Route("PATCH", "/app/hook/config", set_hook_config, only=("app",)),
    Route("GET", "/app/hook/deliveries", deliveries, only=("app",)),
    Route("GET", "/app/hook/deliveries/{id}", get_delivery, only=("app",)),
    Route("POST", "/app/hook/deliveries/{id}/attempts", redeliver, only=("app",)),
    Route("POST", "/app-manifests/{code}/conversions", convert_manifest),
    Route("GET", "/repos/{owner}/{repo}/installation", repository_installation, only=("app",)),
    Route("GET", "/orgs/{name}/installation", account_installation, only=("app",)),
    Route("GET", "/users/{name}/installation", account_installation, only=("app",)),
    Route("DELETE", "/installation/token", revoke_token, only=("installation",)),
    Route("GET", "/installation/repositories", installation_repositories, only=("installation",)),
    Route("GET", "/user", me, only=("user", "personal", "installation")),
    Route("GET", "/user/emails", my_emails, only=("user", "personal")),
    Route("GET", "/user/repos", my_repositories, only=("user", "personal")),
    Route("GET", "/user/installations", my_installations, only=("user",)),
    Route("GET", "/users/{name}", get_user),
    Route("GET", "/orgs/{org}/members/{name}", member, only=("user", "personal", "installation")),
    Route("GET", "/orgs/{org}/teams/{team}/members", team_members, only=("user", "personal", "installation")),
]

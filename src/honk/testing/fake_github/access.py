"""Who calls, and whether they may: JWTs, tokens, installations, roles, single sign-on.

By GitHub's pages "Authenticating as a GitHub App", "Generating an installation access token" and "Permissions
required for GitHub Apps" (https://docs.github.com/en/apps, https://docs.github.com/en/rest/authentication).
"""

import base64
import binascii
from typing import TYPE_CHECKING, Any

import jwt

from honk.testing.fake_github.records import LEVELS, ROLES, Account, App, Installation, Repo, Role
from honk.testing.fake_github.wire import Refused, Route, Who, absent

if TYPE_CHECKING:
    from honk.testing.fake_github.world import World

#: how far ahead a JWT may end, in seconds
LONGEST_JWT = 600


def presented(header: str) -> str:
    """The token of an Authorization header: Bearer, token, or the password of Basic."""
    scheme, _, rest = header.partition(" ")
    if scheme.lower() in ("bearer", "token"):
        return rest.strip()
    if scheme.lower() == "basic":
        try:
            return base64.b64decode(rest.strip()).decode().partition(":")[2]
        except (binascii.Error, UnicodeDecodeError):
            return "-"
    return "-" if header else ""


def identify(world: "World", header: str) -> Who:
    """Who a header says that calls. Refused with 401 where it says something wrong."""
    token = presented(header)
    if not token:
        return Who("anonymous")
    if token.count(".") == 2:
        return Who("app", app=_app(world, token))
    found = world.tokens.get(token)
    now = world.now()
    if found is None or found.revoked or (found.expires_at and found.expires_at <= now):
        raise Refused(401, "Bad credentials")
    if found.installation is not None and found.installation.removed:
        raise Refused(401, "Bad credentials")
    if found.kind == "installation" and found.installation and found.installation.suspended_at:
        raise Refused(403, "This installation has been suspended")
    return Who(found.kind, found.account, found.app, found.installation, found)


def _app(world: "World", token: str) -> App:
    try:
        claims: dict[str, Any] = jwt.decode(token, options={"verify_signature": False})
    except jwt.InvalidTokenError:
        raise Refused(401, "A JSON web token could not be decoded") from None
    issuer = str(claims.get("iss", ""))
    found = next((one for one in world.apps.values() if issuer in (str(one.id), one.client_id)), None)
    if found is None:
        raise Refused(404, "Integration not found")
    try:
        jwt.decode(token, found.public_key, algorithms=["RS256"], options={"verify_exp": False, "verify_iat": False})
    except jwt.InvalidTokenError:
        raise Refused(401, "A JSON web token could not be decoded") from None
    _times(world, claims)
    return found


def _times(world: "World", claims: dict[str, Any]) -> None:
    now = world.now().timestamp()
    until, since = claims.get("exp"), claims.get("iat")
    if not isinstance(until, int | float) or isinstance(until, bool):
        raise Refused(401, "Missing 'exp' claim in assertion")
    if not isinstance(since, int | float) or isinstance(since, bool):
        raise Refused(401, "Missing 'iat' claim in assertion")
    if until <= now:
        raise Refused(401, "'Expiration time' claim ('exp') is too far in the past")
    if until > now + LONGEST_JWT + 1:
        raise Refused(401, "'Expiration time' claim ('exp') is too far in the future")
    if since > now + 1:
        raise Refused(401, "'Issued at' claim ('iat') must be an Integer representing the time of the assertion")


def covers(installation: Installation, repo: Repo) -> bool:
    """Whether an installation has the repository."""
    if installation.removed or installation.account is not repo.owner:
        return False
    return installation.repositories is None or repo.id in installation.repositories


def role(world: "World", account: Account | None, repo: Repo) -> Role:
    """What a person may in a repository."""
    if account is None:
        return "none" if repo.private else "read"
    if account is repo.owner or repo.owner.members.get(account.login) == "admin":
        return "admin"
    best: Role = repo.collaborators.get(account.login, "none")
    if best == "none" and (not repo.private or account.login in repo.owner.members):
        best = "read"
    return best


def at_least(have: str, need: str) -> bool:
    return ROLES.index(have) >= ROLES.index(need)


def holds(permissions: dict[str, str], needs: str) -> bool:
    """Whether permissions have one such as "checks:write"."""
    name, _, level = needs.partition(":")
    have = permissions.get(name, "read" if name == "metadata" else "none")
    return LEVELS.index(have) >= LEVELS.index(level)


def sees(world: "World", who: Who, repo: Repo) -> bool:
    """Whether the repository exists for them at all."""
    if not repo.private:
        return True
    if who.kind in ("anonymous", "app"):
        return False
    token = who.token
    if token and token.repositories is not None and repo.id not in token.repositories:
        return False
    if who.kind == "installation":
        return who.installation is not None and covers(who.installation, repo)
    if who.kind == "user" and installed(world, who.app, repo) is None:
        return False
    if who.kind == "personal" and token and "repo" not in token.scopes:
        return False
    return role(world, who.account, repo) != "none"


def installed(world: "World", app: App | None, repo: Repo) -> Installation | None:
    """The app's installation that has the repository, if it is in force."""
    for one in world.installations.values():
        if one.app is app and covers(one, repo) and one.suspended_at is None:
            return one
    return None


def check(world: "World", who: Who, repo: Repo, route: Route) -> None:
    """Refuses what the caller may not."""
    if not sees(world, who, repo):
        raise absent()
    _organization(who, repo)
    if route.writes and who.kind == "anonymous":
        raise Refused(401, "Requires authentication")
    if who.kind in ("installation", "user"):
        _by_app(world, who, repo, route)
    if who.kind in ("personal", "user"):
        _by_role(world, who, repo, route)
    if repo.disabled:
        raise Refused(403, "Repository access blocked")
    if repo.archived and route.writes and not route.archived:
        raise Refused(403, "Repository was archived so is read-only.")


def _organization(who: Who, repo: Repo) -> None:
    if repo.owner.ip_allow_list and who.kind != "anonymous":
        raise Refused(
            403,
            f"Although you appear to have the correct authorization credentials, the `{repo.owner.login}` organization "
            "has an IP allow list enabled, and your IP address is not permitted to access this resource.",
        )
    if not repo.owner.sso or who.kind != "personal" or (who.token and repo.owner.login in who.token.sso):
        return
    raise Refused(
        403,
        "Resource protected by organization SAML enforcement. You must grant your Personal Access token access to "
        "this organization.",
        headers={"X-GitHub-SSO": f"required; url=https://github.com/orgs/{repo.owner.login}/sso"},
    )


def _by_app(world: "World", who: Who, repo: Repo, route: Route) -> None:
    permissions = granted(world, who, repo)
    if permissions is None:
        if route.writes:
            raise Refused(403, "Resource not accessible by integration")
        return
    public = not repo.private and not route.writes
    if route.needs and not public and not any(holds(permissions, one) for one in route.needs):
        wanted = "; ".join(one.replace(":", "=") for one in route.needs)
        raise Refused(403, "Resource not accessible by integration", headers={"X-Accepted-GitHub-Permissions": wanted})


def granted(world: "World", who: Who, repo: Repo) -> dict[str, str] | None:
    """The permissions with which a token of an app acts in a repository; None where the app is not there."""
    installation = installed(world, who.app, repo)
    if installation is None:
        return None
    if who.kind == "user" or who.token is None:
        return installation.permissions
    if who.token.repositories is not None and repo.id not in who.token.repositories:
        return None
    # what was taken away from the installation is gone from its tokens too
    have = installation.permissions
    return {name: min(level, have.get(name, "none"), key=LEVELS.index) for name, level in who.token.permissions.items()}


def _by_role(world: "World", who: Who, repo: Repo, route: Route) -> None:
    have = role(world, who.account, repo)
    if route.only and who.kind not in route.only:
        raise Refused(403, "You must authenticate via a GitHub App.")
    if at_least(have, route.role):
        scopes = who.token.scopes if who.token else set()
        if who.kind == "personal" and route.writes and not scopes & {"repo", "public_repo"}:
            raise absent()
        return
    if route.role == "admin":
        raise Refused(403, "Must have admin rights to Repository.")
    raise Refused(403, f"Must have {'push' if route.role == 'write' else route.role} access to repository.")

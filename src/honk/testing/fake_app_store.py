"""App Store Connect, as far as TestFlight needs it, written from Apple's public description of its API (4.x).

https://developer.apple.com/documentation/appstoreconnectapi

Real: tokens are verified (ES256, audience, at most twenty minutes), filters filter, what a request may not ask for is
refused. Not real: everything is processed at once unless a test says otherwise, and nobody is ever told by mail.
"""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

_PARAMETERS = {
    "/v1/apps": {"filter[bundleId]", "fields[apps]", "limit"},
    "/v1/builds": {
        *("filter[app]", "filter[version]", "filter[preReleaseVersion.version]", "filter[preReleaseVersion.platform]"),
        *("include", "sort", "limit"),
    },
    "/v1/betaGroups": {"filter[app]", "filter[name]", "limit"},
    "/v1/betaGroups/{}/betaTesters": {"limit"},
}
_TESTERS = re.compile(r"/v1/betaGroups/([^/]+)/betaTesters")
_GROUPS = re.compile(r"/v1/builds/([^/]+)/relationships/betaGroups")
_LONGEST = 1200


@dataclass
class AppleBuild:
    """A build that came to Apple."""

    id: str
    app: str
    version: str
    number: str
    processing: str = "VALID"
    #: of internal testing
    state: str = "READY_FOR_BETA_TESTING"
    expired: bool = False
    uploaded: datetime = datetime(2026, 11, 20, 9, 0, tzinfo=UTC)
    groups: list[str] = field(default_factory=list)


@dataclass
class AppleGroup:
    """A group of testers."""

    id: str
    app: str
    name: str
    internal: bool = True
    #: gets every build by itself
    all_builds: bool = False
    testers: list[str] = field(default_factory=lambda: ["tester-1"])


class FakeAppStore:
    """One team's App Store Connect. `transport` is for an httpx client."""

    def __init__(self, *, key_id: str = "ABC1234567", issuer: str = "57246542-96fe-1a63-e053-0824d011072a") -> None:
        self.key_id = key_id
        self.issuer = issuer
        self._key = ec.generate_private_key(ec.SECP256R1())
        #: Apple's numbers of apps, by bundle identifier
        self.apps: dict[str, str] = {"com.example.player": "1182814395", "com.example.player.beta": "1182814396"}
        self.builds: list[AppleBuild] = []
        self.groups: list[AppleGroup] = []
        #: what the next requests get in place of their answer: a status, or an error of the network
        self.troubles: list[int | httpx.HTTPError] = []
        #: what was asked: method, path with parameters, body; and what was answered: status, body
        self.asked: list[tuple[httpx.Request, httpx.Response]] = []
        #: how many times a build was given to a group
        self.given = 0

    @property
    def p8(self) -> str:
        """The private key as Apple gives it out."""
        form = serialization.PrivateFormat.PKCS8
        return self._key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption()).decode()

    @property
    def transport(self) -> httpx.MockTransport:
        """Through which a client reaches it."""
        return httpx.MockTransport(self._answer)

    def has(self, version: str, number: str, *, app: str = "com.example.player", **changes: Any) -> AppleBuild:
        """A Mac has uploaded this build."""
        made = AppleBuild(id=f"build-{len(self.builds)}", app=self.apps[app], version=version, number=number)
        for name, value in changes.items():
            setattr(made, name, value)
        self.builds.append(made)
        return made

    def has_group(self, name: str, *, app: str = "com.example.player", **changes: Any) -> AppleGroup:
        """Somebody made this group of testers."""
        made = AppleGroup(id=f"group-{len(self.groups)}", app=self.apps[app], name=name, **changes)
        self.groups.append(made)
        return made

    def _answer(self, request: httpx.Request) -> httpx.Response:
        answer = self._trouble() or self._routed(request)
        self.asked.append((request, answer))
        return answer

    def _trouble(self) -> httpx.Response | None:
        if not self.troubles:
            return None
        trouble = self.troubles.pop(0)
        if isinstance(trouble, httpx.HTTPError):
            raise trouble
        return _error(trouble, "UNEXPECTED_ERROR", "An unexpected error occurred.")

    def _routed(self, request: httpx.Request) -> httpx.Response:
        if (refused := self._refused(request)) is not None:
            return refused
        path = request.url.path
        if request.method == "GET":
            routes: Mapping[str, Callable[[Mapping[str, str]], httpx.Response]] = {
                "/v1/apps": self._apps,
                "/v1/builds": self._builds,
                "/v1/betaGroups": self._groups,
            }
            known, answered = path, routes.get(path)
            if found := _TESTERS.fullmatch(path):
                known, group = "/v1/betaGroups/{}/betaTesters", found[1]
                answered = lambda _: self._testers(group)  # noqa: E731 - one of the routes
            if answered is not None:
                if strange := sorted(set(request.url.params) - _PARAMETERS[known]):
                    return _error(400, "PARAMETER_ERROR.ILLEGAL", f"The parameter '{strange[0]}' can not be used here.")
                return answered(dict(request.url.params))
        if request.method == "POST" and (found := _GROUPS.fullmatch(path)):
            return self._give(found[1], json.loads(request.content))
        return _error(404, "PATH_ERROR", "The URL path is not valid")

    def _refused(self, request: httpx.Request) -> httpx.Response | None:
        """https://developer.apple.com/documentation/appstoreconnectapi/generating-tokens-for-api-requests"""
        token = request.headers.get("Authorization", "").removeprefix("Bearer ")
        try:
            head = jwt.get_unverified_header(token)
            wanted = ["exp", "iat", "iss"]
            claims = jwt.decode(
                token,
                self._key.public_key(),
                algorithms=["ES256"],
                audience="appstoreconnect-v1",
                options={"require": wanted, "verify_exp": False, "verify_iat": False},
            )
            good = head.get("kid") == self.key_id and claims["iss"] == self.issuer
            good = good and 0 < claims["exp"] - claims["iat"] <= _LONGEST
        except jwt.PyJWTError:
            good = False
        if good:
            return None
        return _error(401, "NOT_AUTHORIZED", "Provide a properly configured and signed bearer token, and make sure …")

    def _apps(self, wanted: Mapping[str, str]) -> httpx.Response:
        """The filter finds identifiers that begin so, too."""
        bundle = wanted.get("filter[bundleId]", "")
        found = [
            {"type": "apps", "id": id, "attributes": {"bundleId": known}, "links": {"self": f"{_SELF}/apps/{id}"}}
            for known, id in sorted(self.apps.items(), reverse=True)
            if known.startswith(bundle)
        ]
        return _page("apps", found)

    def _builds(self, wanted: Mapping[str, str]) -> httpx.Response:
        def fits(one: AppleBuild) -> bool:
            return (
                wanted.get("filter[app]", one.app) == one.app
                and wanted.get("filter[version]", one.number) == one.number
                and wanted.get("filter[preReleaseVersion.version]", one.version) == one.version
            )

        found = [one for one in self.builds if fits(one)]
        details = [
            {
                "type": "buildBetaDetails",
                "id": f"{one.id}-detail",
                "attributes": {"internalBuildState": one.state, "autoNotifyEnabled": True},
            }
            for one in found
        ]
        return _page("builds", [_build(one) for one in found], included=details)

    def _groups(self, wanted: Mapping[str, str]) -> httpx.Response:
        found = [
            {
                "type": "betaGroups",
                "id": one.id,
                "attributes": {
                    "name": one.name,
                    "isInternalGroup": one.internal,
                    "hasAccessToAllBuilds": one.all_builds,
                },
            }
            for one in self.groups
            if wanted.get("filter[app]", one.app) == one.app and wanted.get("filter[name]", one.name) in one.name
        ]
        return _page("betaGroups", found)

    def _testers(self, id: str) -> httpx.Response:
        group = next((one for one in self.groups if one.id == id), None)
        if group is None:
            return _error(404, "NOT_FOUND", "The specified resource does not exist")
        found = [{"type": "betaTesters", "id": one, "attributes": {"firstName": "Ada"}} for one in group.testers]
        return _page(f"betaGroups/{id}/betaTesters", found[:1])

    def _give(self, id: str, body: Mapping[str, Any]) -> httpx.Response:
        build = next((one for one in self.builds if one.id == id), None)
        groups = {one.id for one in self.groups}
        if build is None or not all(one["type"] == "betaGroups" and one["id"] in groups for one in body["data"]):
            return _error(404, "NOT_FOUND", "The specified resource does not exist")
        for one in body["data"]:
            if one["id"] in build.groups:
                return _error(409, "ENTITY_ERROR.RELATIONSHIP.INVALID", "Already there")
            build.groups.append(one["id"])
            build.state = "IN_BETA_TESTING"
            self.given += 1
        return httpx.Response(204)


_SELF = "https://api.appstoreconnect.apple.com/v1"


def _build(one: AppleBuild) -> Mapping[str, Any]:
    return {
        "type": "builds",
        "id": one.id,
        "attributes": {
            "version": one.number,
            "uploadedDate": one.uploaded.isoformat(),
            "expirationDate": (one.uploaded + timedelta(days=90)).isoformat(),
            "expired": one.expired,
            "processingState": one.processing,
        },
        "relationships": {
            "buildBetaDetail": {"data": {"type": "buildBetaDetails", "id": f"{one.id}-detail"}},
            "betaGroups": {"data": [{"type": "betaGroups", "id": group} for group in one.groups]},
        },
    }


def _page(
    path: str, data: Sequence[Mapping[str, Any]], included: Sequence[Mapping[str, Any]] | None = None
) -> httpx.Response:
    content: dict[str, Any] = {
        "data": data,
        "links": {"self": f"{_SELF}/{path}"},
        "meta": {"paging": {"total": len(data), "limit": 200}},
    }
    if included is not None:
        content["included"] = included
    return httpx.Response(200, json=content)


def _error(status: int, code: str, detail: str) -> httpx.Response:
    error = {"status": str(status), "code": code, "title": code.replace("_", " ").title(), "detail": detail}
    return httpx.Response(status, json={"errors": [error]})

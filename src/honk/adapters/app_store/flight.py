"""The channel TestFlight: finds the build at Apple by bundle identifier, version and build number."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from fnmatch import fnmatchcase
from typing import Any

import httpx

from honk.adapters.app_store.connection import BASE, Connection, Key
from honk.domain.app_package import AppFacts
from honk.domain.build import Build
from honk.domain.channel import ChannelState, Seen
from honk.errors import SettingsWrong
from honk.ports import ChannelOptions, Clock, Offered

#: Opens the app's page in TestFlight, for who is a tester; {app} is Apple's number of it.
_LINK = "https://beta.itunes.apple.com/v1/app/{app}"
_REFUSED = {
    "FAILED": "Apple could not process it",
    "INVALID": "Apple found it invalid: the mail to the account's owner says why",
    "PROCESSING_EXCEPTION": "Apple could not process it",
}
_COMPLIANCE = (
    "Apple asks about encryption: answer in App Store Connect, or set ITSAppUsesNonExemptEncryption in Info.plist"
)


@dataclass(frozen=True, kw_only=True)
class _Found:
    """One build as Apple has it."""

    id: str
    processing: str
    #: of internal testing; "" while Apple does not say
    state: str
    expired: bool
    until: datetime | None
    #: ids of the groups that it was given to
    groups: frozenset[str]


@dataclass(frozen=True, kw_only=True)
class TestFlight:
    """Implements honk.ports.Channel."""

    connection: Connection
    #: patterns of the bundle identifiers that are the operator's to offer: an .ipa says any
    apps: tuple[str, ...]
    #: of internal testers; "" leaves it to groups that get every build
    group: str = ""
    title: str = "TestFlight"

    def takes(self, build: Build) -> bool:
        facts = _facts(build)
        return facts is not None and any(fnmatchcase(facts.id, one) for one in self.apps)

    async def carry(self, offered: Offered) -> Seen:
        facts = _facts(offered.build)
        if facts is None or not facts.version or not facts.number:
            return Seen(state=ChannelState.REFUSED, detail="it has no version and build number to look for at Apple")
        app = await self._app(facts.id)
        if not app:
            said = f"App Store Connect has no app {facts.id} that this key may see"
            return Seen(state=ChannelState.ABSENT, detail=said)
        found = await self._build(app, facts)
        if found is None:
            said = f"Apple does not have {facts.version} ({facts.number}) yet: whoever builds it uploads it there"
            return Seen(state=ChannelState.ABSENT, detail=said)
        return await self._stands(app, found)

    async def _app(self, bundle: str) -> str:
        """Apple's number of the app; "" where there is none. The filter finds others too, so that it is compared."""
        answer = await self.connection.get("/v1/apps", filter__bundleId=bundle, fields__apps="bundleId", limit="200")
        return next((_word(one, "id") for one in _all(answer) if _attribute(one, "bundleId") == bundle), "")

    async def _build(self, app: str, facts: AppFacts) -> _Found | None:
        answer = await self.connection.get(
            "/v1/builds",
            filter__app=app,
            filter__version=facts.number,
            filter__preReleaseVersion__version=facts.version,
            filter__preReleaseVersion__platform="IOS",
            include="buildBetaDetail,betaGroups",
            sort="-uploadedDate",
            limit="10",
        )
        builds = [one for one in _all(answer) if _attribute(one, "version") == facts.number]
        if not builds:
            return None
        one, beside = builds[0], answer.get("included")
        related = _related(one, "buildBetaDetail")
        details = [
            _attribute(each, "internalBuildState")
            for each in (beside if isinstance(beside, list) else [])
            if _word(each, "type") == "buildBetaDetails" and _word(each, "id") in related
        ]
        return _Found(
            id=_word(one, "id"),
            processing=_attribute(one, "processingState"),
            state=next(iter(details), ""),
            expired=_attribute(one, "expired") == "True",
            until=_moment(_attribute(one, "expirationDate")),
            groups=_related(one, "betaGroups"),
        )

    async def _stands(self, app: str, found: _Found) -> Seen:
        link = _LINK.format(app=app)
        if found.expired or found.state == "EXPIRED":
            return Seen(state=ChannelState.EXPIRED, detail="TestFlight keeps builds for 90 days", until=found.until)
        if why := _REFUSED.get(found.processing) or _REFUSED.get(found.state):
            return Seen(state=ChannelState.REFUSED, detail=why)
        if found.processing != "VALID" or found.state in {"", "PROCESSING"}:
            return Seen(state=ChannelState.PROCESSING, link=link, detail="processing at Apple")
        if found.state == "MISSING_EXPORT_COMPLIANCE":
            return Seen(state=ChannelState.WAITING, link=link, detail=_COMPLIANCE, until=found.until)
        if found.state == "IN_EXPORT_COMPLIANCE_REVIEW":
            said = "Apple reviews the answers about encryption"
            return Seen(state=ChannelState.WAITING, link=link, detail=said, until=found.until)
        return await self._tested(app, found, link)

    async def _tested(self, app: str, found: _Found, link: str) -> Seen:
        """Ready at Apple; whether anybody gets it."""
        ready = Seen(state=ChannelState.READY, link=link, until=found.until)
        if not self.group:
            if found.state == "IN_BETA_TESTING":
                return ready
            said = "no group of internal testers gets it: set group in [channels.….options], or add it at Apple"
            return Seen(state=ChannelState.WAITING, link=link, detail=said, until=found.until)
        answer = await self.connection.get("/v1/betaGroups", filter__app=app, filter__name=self.group, limit="200")
        group = next((one for one in _all(answer) if _attribute(one, "name") == self.group), None)
        if group is None or _attribute(group, "isInternalGroup") != "True":
            what = "is one of external testers, whose builds Apple reviews" if group else "does not exist for this app"
            said = f"the group {self.group} {what}: name one of internal testers"
            return Seen(state=ChannelState.WAITING, link=link, detail=said, until=found.until)
        id = _word(group, "id")
        if _attribute(group, "hasAccessToAllBuilds") != "True" and id not in found.groups:
            body = {"data": [{"type": "betaGroups", "id": id}]}
            await self.connection.post(f"/v1/builds/{found.id}/relationships/betaGroups", body)
        testers = await self.connection.get(f"/v1/betaGroups/{id}/betaTesters", limit="1")
        if not _all(testers):
            return Seen(
                state=ChannelState.READY,
                link=link,
                detail=f"nobody is in the group {self.group} yet",
                until=found.until,
            )
        return ready


def test_flight(
    options: ChannelOptions, *, clock: Clock, transport: httpx.AsyncBaseTransport | None = None, base: str = BASE
) -> TestFlight:
    """The channel as the operator set it. Raises SettingsWrong."""
    options.only("key_id", "issuer_id", "apps", "group")
    apps = tuple(options.one("apps").replace(",", " ").split())
    if "*" in apps:
        raise SettingsWrong(
            f"apps in [channels.{options.name}.options] must name apps",
            'an .ipa can say any identifier: give those that are yours, such as "com.example.player"',
        )
    key = Key(options.one("key_id"), options.one("issuer_id", otherwise=""), options.secret)
    connection = Connection(key, clock=clock, base=base, transport=transport)
    return TestFlight(connection=connection, apps=apps, group=options.one("group", otherwise=""))


def _facts(build: Build) -> AppFacts | None:
    package = build.package
    facts = package.facts if package is not None and package.form == "ipa" else None
    return facts if facts is not None and facts.id and not facts.simulator else None


def _all(answer: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    data = answer.get("data")
    return [one for one in data if isinstance(one, dict)] if isinstance(data, list) else []


def _word(one: object, name: str) -> str:
    value = one.get(name) if isinstance(one, dict) else None
    return value if isinstance(value, str) else ""


def _attribute(one: object, name: str) -> str:
    """As text; "" where it is not there."""
    attributes = one.get("attributes") if isinstance(one, dict) else None
    value = attributes.get(name) if isinstance(attributes, dict) else None
    return "" if value is None else str(value)


def _related(one: Mapping[str, Any], name: str) -> frozenset[str]:
    related = one.get("relationships")
    there = related.get(name) if isinstance(related, dict) else None
    data = there.get("data") if isinstance(there, dict) else None
    return frozenset(_word(each, "id") for each in (data if isinstance(data, list) else [data]) if each)


def _moment(text: str) -> datetime | None:
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return None
    return found if found.tzinfo is not None else found.replace(tzinfo=UTC)

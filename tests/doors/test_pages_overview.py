"""Builds, deployments, costs, repositories, people, audit and settings: what they show, and to whom."""

import re
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
from pages_world import Site, site_of

from honk.domain.access import Scope
from honk.domain.audit import Entry
from honk.domain.build import Build
from honk.domain.deployment import Deployment, DeploymentState
from honk.domain.landing import Consent
from honk.domain.limits import Spending
from honk.domain.person import Identity
from honk.domain.policy import Act, Decision, Right
from honk.domain.pull_request import MergeMethod
from honk.domain.repository import Sha
from honk.domain.rules import Known, Role, Rules
from honk.domain.task import Task

pytestmark = pytest.mark.anyio
PAGES = ("/", "/builds", "/deployments", "/costs", "/repositories", "/people", "/audit", "/settings", "/more")
#: what a visit with a token that may only look does not show
CLOSED = ("/audit",)
SLACK = Identity.parse("slack:U9")
HOSTILE = "</p><script>alert(1)</script>'\"&{{ 7*7 }}\u202etxt.exe"


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Site]:
    async with site_of(tmp_path) as made:
        await made.sign_in(await made.token())
        yield made


async def as_administrator(site: Site) -> None:
    """Signs in with a token that is for that."""
    site.browser.cookies.clear()
    await site.sign_in(await site.token(Scope.READ, Scope.ADMINISTER))


async def deployed(site: Site, text: str = "fix the crash") -> Task:
    """A task whose change is live."""
    async with site.world.working():
        task = await site.world.settled(await site.world.ask(text))
        head = (await site.world.pull_request(task)).head
        await site.world.app.merge(
            await site.world.person(), task, method=MergeMethod.MERGE, consent=Consent(head=head), act="press"
        )
        return await site.world.settled(task)


def words(page: str) -> str:
    """What a person reads."""
    return " ".join(re.sub(r"<[^>]+>", " ", page).split())


async def test_every_page_stands_by_itself(site: Site) -> None:
    await deployed(site)
    await as_administrator(site)
    followed = set(PAGES)
    for path in PAGES:
        answer = await site.browser.get(path)
        page = answer.text
        assert answer.status_code == 200 and len(answer.content) < 100_000, path
        assert page.count("<h1>") == page.count("<main") == 1 and 'lang="en"' in page, path
        assert "<style" not in page and not re.search(r'<[^>]* (?:style|on\w+)="', page), path
        assert 'class="skip" href="#main"' in page and page.count('id="main"') == 1, path
        assert page.count('aria-current="page"') >= 1, path
        assert len(re.findall(r'\bid="([^"]+)"', page)) == len(set(re.findall(r'\bid="([^"]+)"', page))), path
        links = set(re.findall(r'href="(/[^"#]*)"', page)) - followed
        followed |= links
        for link in links:
            status = (await site.browser.get(link.replace("&amp;", "&"))).status_code
            assert status in {200, 304}, (path, link, status)


async def test_empty_pages_teach(site: Site) -> None:
    await as_administrator(site)
    for path, lesson in (
        ("/builds", "[build]"),
        ("/deployments", "[deploy]"),
        ("/costs", "Budgets are set below"),
        ("/repositories", "[repositories.app]"),
        ("/people", "[people.alice]"),
        ("/audit", "Nothing was asked for yet"),
        ("/settings", "honk init"),
    ):
        assert lesson in await site.text(path), path


async def test_who_may_only_look_is_told_so(site: Site) -> None:
    for path in CLOSED:
        answer = await site.browser.get(path)
        assert answer.status_code == 403 and "not for" in answer.text and "administer" in answer.text, path
    for path in set(PAGES) - set(CLOSED):
        assert (await site.browser.get(path)).status_code == 200, path
    assert "Other people and the rules are shown to" in await site.text("/people")
    assert "The server's own settings are shown to" in await site.text("/settings")
    await as_administrator(site)
    ada = await site.world.person()
    site.world.policy.refused.add((ada.id, Act.ADMINISTER))
    for path in CLOSED:
        answer = await site.browser.get(path)
        assert answer.status_code == 403 and "Ada may not administer here" in answer.text, path
    site.world.who_is_who = Rules(people=(Known(key="zoe", name="Zoe Secret", identities=(SLACK,)),))
    assert "Zoe Secret" not in await site.text("/people")
    site.browser.cookies.clear()
    for path in PAGES:
        answer = await site.browser.get(path)
        assert answer.status_code == 303 and answer.headers["location"].startswith("/sign-in?to=%2F"), path
        back = await site.sign_in(await site.token(), path)
        assert back.headers["location"] == path
        site.browser.cookies.clear()


async def test_builds_lead_to_their_pages(site: Site) -> None:
    task = await deployed(site)
    records = site.world.store.records
    for number in range(40):
        await records.save_build(
            Build(
                id=f"b{number}", task=task.id, commit=Sha("c" * 40), kind="web", digest="e" * 64, size=1, name=HOSTILE
            )
        )
    first = await site.text("/builds")
    assert re.findall(r'href="/builds/(\w+)"', first)[:2] == ["b39", "b38"] and "<script>" not in first
    older = re.search(r'<a href="([^"]+)">Older</a>', first)
    assert older is not None
    second = await site.text(older[1].replace("&amp;", "&"))
    assert re.findall(r'href="/builds/(\w+)"', second)[:2] == ["b9", "b8"]
    main = words(await site.text("/builds?channel=main"))
    assert "deployed: production" in main and "alert" not in main
    assert 'href="/builds/b1"' not in await site.text("/builds?repository=elsewhere")
    for path in ("/builds?channel=nonsense", "/builds?before=nonsense", "/builds?before=%00"):
        assert (await site.browser.get(path)).status_code == 404, path


async def test_deployments_say_what_is_live_and_what_undo_means(site: Site) -> None:
    first = await deployed(site)
    second = await deployed(site, "friendlier")
    text = words(await site.text("/deployments"))
    for wanted in (
        "music-player · production",
        "friendlier",
        "by Ada",
        "verdict pass",
        "undo deploys the version",
    ):
        assert wanted in text, (wanted, text)
    assert f"honk undo {second.id}" in text and f"/tasks/{first.id}" in await site.text("/deployments")
    assert f"/tasks/{second.id}/undo" not in await site.text("/deployments"), "this visit is for looking"
    (live, *_) = await site.world.store.records.deployments(second.repository.key, "production")
    going = replace(live, id="next", state=DeploymentState.STARTED, at=site.world.clock(), previous=live.id)
    await site.world.store.records.save_deployment(going)
    await site.world.store.records.save_deployment(replace(live, url="javascript:alert(1)"))
    assert 'href="javascript' not in await site.text("/deployments")
    assert "Under way for" in words(await site.text("/deployments"))
    elsewhere = Deployment(
        id="h",
        task=first.id,
        repository="k",
        environment=HOSTILE,
        commit=Sha("c"),
        digest="d",
        state=DeploymentState.FAILED,
        at=live.at,
    )
    await site.world.store.records.save_deployment(elsewhere)
    page = await site.text("/deployments")
    assert "<script>" not in page and "Nothing is live here" in page


async def test_costs_are_added_up(site: Site) -> None:
    task = await deployed(site)
    await site.world.store.budgets.reserve(task.id, 7, task.requested_by, 5.0)
    await site.world.store.records.add_spending(task.id, Spending(usd=2.5, calls=3))
    site.world.budget = replace(site.world.budget, day_usd=10.0)
    text = words(await site.text("/costs"))
    for wanted in ("everybody $10.00", "Ada", "music-player", "fix the crash", "in the last 30 days"):
        assert wanted in text, (wanted, text)
    assert text.count("$3.50") >= 4 and "$4.00 reserved" in text
    assert (await site.browser.get("/costs?days=7")).status_code == 200
    for path in ("/costs?days=0", "/costs?days=-1", "/costs?days=9999999999", "/costs?days=x"):
        assert (await site.browser.get(path)).status_code == 404, path


async def test_repositories_say_what_the_visitor_may(site: Site) -> None:
    await site.world.ask()
    ada = await site.world.person()
    site.world.policy.refused |= {(ada.id, act) for act in (Act.DEPLOY, Act.FREEZE, Act.THAW)}
    text = words(await site.text("/repositories"))
    assert "you may ask, steer, merge a merge needs a press of the button" in text
    assert "No repository has these words" in await site.text("/repositories?q=elsewhere")
    assert "Readiness" not in await site.text("/repositories?doctor=1"), "who may only look starts no doctor"
    await as_administrator(site)
    assert "Try what can fail later" in await site.text("/repositories")
    site.world.policy.refused.add((ada.id, Act.ASK))
    assert "music-player" not in await site.text("/repositories")


async def test_people_and_their_roles_are_shown_to_administrators(site: Site) -> None:
    await as_administrator(site)
    zoe = Known(key="zoe", name=f"Zoe {HOSTILE}", identities=(SLACK,))
    role = Role(repositories=("github.com/acme/*",), people=("@team",), may=frozenset({Right.MERGE}))
    site.world.who_is_who = Rules(people=(zoe,), teams={"team": frozenset({"zoe"})}, roles=(role,), version="v7")
    page = await site.text("/people")
    text = words(page)
    assert "<script>" not in page and "\u202e" not in page
    for wanted in ("You are Ada", "slack:U9", "@team", "may merge on github.com/acme/*", "Policy v7", "local:ada"):
        assert wanted in text, (wanted, text)


async def test_the_audit_log_is_filtered_and_paged(site: Site) -> None:
    await as_administrator(site)
    ada, bo = await site.world.person(), await site.world.person("Bo")
    for number in range(120):
        who, act = ((ada, Act.ASK), (bo, Act.MERGE))[number % 2]
        said = Decision(allowed=number % 3 > 0, reason=f"{HOSTILE} {number}", version="v1")
        await site.world.store.audit.record(Entry.of(who, act, None, None, said, site.world.clock()))
    numbers, page = list[str](), await site.text("/audit")
    while True:
        assert "<script>" not in page
        numbers += re.findall(r"entry (\d+)<", page)
        if not (match := re.search(r'<a href="([^"]+)">Older</a>', page)):
            break
        page = await site.text(match[1].replace("&amp;", "&"))
    assert numbers == [str(number) for number in range(120, 0, -1)]
    assert set(re.findall(r"entry (\d+)<", await site.text("/audit?person=local:bo&act=merge"))) == {
        str(number) for number in range(22, 121, 2)
    }
    assert "No entry fits" in await site.text("/audit?person=local:bo&act=ask")
    assert "No entry fits" in await site.text("/audit?repository=acme%25")
    for path in (
        *("/audit?act=nonsense", "/audit?person=nobody", "/audit?before=x", "/audit?before=-1", "/audit?before=0"),
        *("/audit?before=99999999999999999999", "/audit?before=%C2%B2"),
    ):
        assert (await site.browser.get(path)).status_code == 404, path

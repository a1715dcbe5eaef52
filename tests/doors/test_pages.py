"""What the pages show: every state, every piece of evidence, and nothing that a stranger's words could do."""

import json
import re
from collections.abc import AsyncIterator
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest
from pages_world import Site, site_of

from honk.domain.build import Build
from honk.domain.event import AgentWrote, BuildFailed, BuildReady, MessageReceived, PlanProposed, StepProgressed
from honk.domain.message import Enclosed, File, Image
from honk.domain.plan import WAITS
from honk.domain.repository import Sha
from honk.domain.task import Options, State, Task
from honk.domain.verdict import Answer, Evidence, Finding, Kind, Proof, Verdict
from honk.testing.fake_work import APP, Edit
from honk.testing.world import ADDRESS

pytestmark = pytest.mark.anyio

HOSTILE = "</pre><script>alert(1)</script><img src=x onerror=alert(2)>'\"&{{ 7*7 }}\u202etxt.exe\x1b[31m"


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Site]:
    async with site_of(tmp_path) as made:
        await made.sign_in(await made.token())
        yield made


async def done(site: Site, text: str = "fix the crash") -> Task:
    """A task with a pull request, a verdict and a build."""
    async with site.world.working():
        return await site.world.settled(await site.world.ask(text))


class Tags(HTMLParser):
    """What a page consists of, as a browser reads it."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))


def plain(text: str) -> str:
    """The words of a page."""
    return " ".join(re.sub(r"<[^>]+>", " ", text).split())


async def test_the_list_shows_tasks_newest_first_with_filters_and_pages(site: Site) -> None:
    finished = await done(site)
    waiting = [await site.world.ask(f"fix the crash number {number:02}") for number in range(65)]
    first = await site.text("/?tab=all")
    ids = re.findall(r'href="/tasks/([\w-]+)"', first)
    assert ids == [task.id for task in reversed(waiting[-30:])]
    seen = list(ids)
    page = first
    while match := re.search(r'<a href="([^"]+)">Older</a>', page):
        page = await site.text(match[1].replace("&amp;", "&"))
        seen += re.findall(r'href="/tasks/([\w-]+)"', page)
    assert seen == [task.id for task in reversed([finished, *waiting])]
    for show, wanted in (("for you", True), ("proposed", True), ("at work", False), ("failed", False)):
        assert (f"/tasks/{finished.id}" in await site.text(f"/?show={show}")) is wanted, show
    assert f"/tasks/{waiting[0].id}" not in await site.text("/?show=landed")
    assert f"/tasks/{finished.id}" in await site.text(f"/?show=for you&repository={ADDRESS}")
    assert "No task fits" in await site.text("/?repository=other")
    assert (await site.browser.get("/?show=nonsense")).status_code == 404
    assert (await site.browser.get("/?before=nonsense")).status_code == 404


async def test_an_empty_list_says_how_to_begin(site: Site) -> None:
    assert "honk run REPO" in await site.text("/")


async def test_a_task_shows_all_there_is_to_it(site: Site) -> None:
    task = await done(site)
    words = plain(await site.text(f"/tasks/{task.id}"))
    for wanted in (
        *("fix the crash", "proposed", "Ada", ADDRESS, f"honk merge {task.id}", f"honk diff {task.id}", "Turn 1"),
        *("Attempt 1", "pass", f"honk/{task.id} → main", "model calls", "at most $5.00, 300 calls, 60 min a turn"),
    ):
        assert wanted in words, wanted
    assert "verdict: pass" in words and "build ready" in words
    assert re.search(
        r"<time datetime=\"2026-11-20T08:\d\d:\d\d\+00:00\">\d\d:\d\d:\d\d</time>", await site.text(f"/tasks/{task.id}")
    )


async def test_only_a_busy_page_renews_itself(site: Site) -> None:
    task = await site.world.ask()
    for path in ("/", f"/tasks/{task.id}/build", f"/tasks/{task.id}/pull-request"):
        page = await site.text(path)
        assert 'http-equiv="refresh"' in page and "data-live" in page and "live.js" in page, path
    etag = (await site.browser.get(path)).headers["etag"]
    assert (await site.browser.get(path, headers={"If-None-Match": etag})).status_code == 304
    assert 'http-equiv="refresh"' in await site.text(f"/tasks/{task.id}")
    await site.world.store.tasks.move(task.id, State.STOPPED)
    assert "refresh" not in await site.text(f"/tasks/{task.id}")
    for path in ("/", f"/tasks/{task.id}/build", f"/tasks/{task.id}/pull-request"):
        page = await site.text(path)
        assert "refresh" not in page and "data-live" not in page and "live.js" not in page, path


async def test_a_wait_and_its_reason_are_shown(site: Site) -> None:
    task = await site.world.ask()
    await site.world.store.tasks.move(task.id, State.QUEUED, "behind two others (work.concurrency = 2)")
    page = await site.text(f"/tasks/{task.id}")
    assert "behind two others (work.concurrency = 2)" in page
    assert "behind two others" in await site.text("/")
    await site.world.store.tasks.move(task.id, State.PREPARING)
    await site.world.store.events.record(task.id, 1, StepProgressed(step="prepare", detail="cloning: 40 %"))
    assert '<p class="doing" id="doing" data-part>prepare: cloning: 40 %</p>' in await site.text(f"/tasks/{task.id}")


async def test_a_plan_is_shown_while_it_waits(site: Site) -> None:
    task = await site.world.ask(plan=True)
    await site.world.store.events.record(task.id, 1, PlanProposed(name="1", text="- player.py & its test"))
    await site.world.store.tasks.move(task.id, State.WAITING, WAITS)
    page = await site.text(f"/tasks/{task.id}")
    assert "- player.py &amp; its test" in page and f"honk go {task.id}" in page
    await site.world.store.tasks.move(task.id, State.CODING)
    assert 'id="plan"' not in await site.text(f"/tasks/{task.id}")


async def test_messages_that_wait_are_shown_until_somebody_has_them(site: Site) -> None:
    task = await site.world.ask()
    said = MessageReceived(message="m1", text="also mind the empty list", handling="queued")
    await site.world.store.events.record(task.id, 1, said)
    assert "Waiting messages" in await site.text(f"/tasks/{task.id}")


async def test_the_beginning_of_an_id_leads_to_the_whole_one(site: Site) -> None:
    task = await done(site)
    for rest in ("", "/pull-request", "/build", "/log", "/patch"):
        answer = await site.browser.get(f"/tasks/{task.id[:8]}{rest}?a=b")
        assert (answer.status_code, answer.headers["location"]) == (307, f"/tasks/{task.id}{rest}?a=b")
    other = await site.world.ask("fix the crash again")
    answer = await site.browser.get("/tasks/fix-the-crash")
    assert answer.status_code == 404 and task.id in answer.text and other.id in answer.text
    answer = await site.browser.get("/tasks/nothing-like-it")
    assert answer.status_code == 404 and "All tasks" in answer.text


async def test_a_pull_request_shows_verdict_evidence_and_difference(site: Site) -> None:
    task = await done(site)
    page = await site.text(f"/tasks/{task.id}/pull-request")
    words = plain(page)
    assert "#1" in words and "Verdict pass" in words and "byte for byte" in words
    assert 'class="name">app.py</code>' in page and "<table>" in page


def verdict_of(task: Task, head: Sha, log: str = "") -> Verdict:
    """A verdict with everything that one can hold, in a stranger's words."""
    evidence = Evidence(command=f"pytest {HOSTILE}", exit_code=None, seconds=1.5, condensed=HOSTILE, log=log)
    return Verdict(
        answer=Answer.UNSURE,
        tree=Sha("t" * 40),
        commit=head,
        findings=(
            Finding(
                verifier=HOSTILE,
                kind=Kind.TEST,
                answer=Answer.FAIL,
                summary=HOSTILE,
                evidence=(evidence,),
                failing_before=(HOSTILE,),
            ),
        ),
        proof=Proof(tests=(HOSTILE,), red=evidence, green=evidence),
        not_proven=(HOSTILE,),
        seconds=3.0,
        base_broken=HOSTILE,
    )


async def hostile(site: Site) -> tuple[Task, str]:
    """A task in which every word that others may choose is hostile; and the digest of its log."""
    here = site.world
    here.agent.habits["</pre>"] = Edit(files={APP: HOSTILE.encode(), f"<b>{APP}": b"x"}, summary=HOSTILE)
    task = await done(site, HOSTILE)
    pull_request = await here.pull_request(task)
    digest = await here.app.ports.artifacts.put(HOSTILE.encode())
    await here.store.records.save_verdict(task.id, 1, 9, verdict_of(task, pull_request.head, digest))
    changed = replace(pull_request, title=HOSTILE, body=HOSTILE)
    await here.store.records.save_pull_request(task.repository.key, changed)
    record = here.store.events.record
    await record(task.id, 1, AgentWrote(text=HOSTILE))
    await record(task.id, 1, PlanProposed(name="1", text=HOSTILE))
    await record(task.id, 1, BuildFailed(reason=HOSTILE, output=HOSTILE))
    await here.store.tasks.move(task.id, State.WAITING, HOSTILE)
    return task, digest


async def test_a_strangers_words_are_only_words(site: Site) -> None:
    task, digest = await hostile(site)
    paths = [
        "/",
        f"/tasks/{task.id}",
        f"/tasks/{task.id}/pull-request",
        f"/tasks/{task.id}/build",
        "/?repository=<script>",
    ]
    for path in paths:
        page = await site.text(path)
        tags = Tags(page)
        found = [(tag, at) for tag, at in tags.found if at.get("class") != "picture" and tag != "script"]
        assert all((at["src"] or "").startswith("/static/") for tag, at in tags.found if tag == "script")
        pictures = [at["src"] for _, at in tags.found if at.get("class") == "picture"]
        assert all(one.startswith(f"/tasks/{task.id}/files/") for one in pictures)
        assert [(tag, at) for tag, at in found if tag in {"img", "style", "iframe", "b"} and at] == [], path
        assert not [at for _, at in tags.found if any(name.startswith("on") or name == "style" for name in at)], path
        assert "<script>alert" not in page and "\u202e" not in page and "\x1b" not in page, path
        assert "49" not in plain(page).replace(task.id, "") or "7*7" in page
    assert "alert(1)" in await site.text(f"/tasks/{task.id}/pull-request")
    log = await site.browser.get(f"/tasks/{task.id}/files/{digest}")
    assert log.content == HOSTILE.encode()


async def test_every_answer_has_the_headers_of_a_page_without_rights_for_others(site: Site) -> None:
    task, digest = await hostile(site)
    paths = [
        "/",
        f"/tasks/{task.id}",
        f"/tasks/{task.id}/patch",
        f"/tasks/{task.id}/log",
        "/sign-in",
        "/tasks/no",
        "/builds/no",
    ]
    for path in [*paths, f"/tasks/{task.id}/files/{digest}", f"/tasks/{task.id[:6]}", "/static/x/style.css"]:
        answer = await site.browser.get(path)
        policy = answer.headers["content-security-policy"]
        assert "default-src 'none'" in policy and "frame-ancestors 'none'" in policy, path
        assert "unsafe" not in policy and "*" not in policy and "http" not in policy, path
        assert answer.headers["x-content-type-options"] == "nosniff", path
        assert answer.headers["referrer-policy"] == "same-origin", path
        assert answer.headers["cross-origin-resource-policy"] == "same-origin", path
        assert "access-control-allow-origin" not in answer.headers, path
        if not path.startswith("/static"):
            assert answer.headers["cache-control"] == "no-store", path


async def test_logs_and_patches_are_attachments_of_plain_text(site: Site) -> None:
    task, digest = await hostile(site)
    for path, name in (("log", f"{task.id}.log"), ("patch", f"{task.id}.patch"), (f"files/{digest}", "")):
        answer = await site.browser.get(f"/tasks/{task.id}/{path}")
        assert answer.status_code == 200
        assert answer.headers["content-type"] == "text/plain; charset=utf-8"
        assert answer.headers["content-disposition"].startswith('attachment; filename="')
        assert name in answer.headers["content-disposition"] and "script>" not in answer.headers["content-disposition"]
        assert "sandbox" in answer.headers["content-security-policy"]


async def test_a_file_of_another_task_is_not_given_out(site: Site) -> None:
    _, digest = await hostile(site)
    other = await site.world.ask("fix the crash elsewhere")
    for wanted in (digest, "../../secret", "0" * 64):
        answer = await site.browser.get(f"/tasks/{other.id}/files/{wanted}")
        assert answer.status_code == 404


async def test_pictures_of_a_message_are_drawn_and_never_run(site: Site) -> None:
    here = site.world
    png, svg = b"\x89PNG\r\n\x1a\n...", b"<svg onload=alert(1)>"
    images = tuple(
        [
            Image(name="a.png", media_type="image/png", digest=await here.app.ports.artifacts.put(png)),
            Image(name="b.svg", media_type="image/svg+xml", digest=await here.app.ports.artifacts.put(svg)),
        ]
    )
    task = await here.app.submit(
        await here.person(), ADDRESS, "fix the crash", Options(), enclosed=Enclosed(images=images)
    )
    drawn = await site.browser.get(f"/tasks/{task.id}/files/{images[0].digest}")
    assert (drawn.headers["content-type"], "content-disposition" in drawn.headers) == ("image/png", False)
    kept = await site.browser.get(f"/tasks/{task.id}/files/{images[1].digest}")
    assert kept.headers["content-type"] == "application/octet-stream"
    assert kept.headers["content-disposition"].startswith("attachment")
    assert f"/files/{images[0].digest}" in await site.text(f"/tasks/{task.id}")


async def test_files_of_a_message_are_kept_and_never_shown(site: Site) -> None:
    here = site.world
    digest = await here.app.ports.artifacts.put(b"\x89PNG\r\n\x1a\n...")
    picture = File(name="<b>.png", media_type="image/png", digest=digest, size=11)
    task = await here.app.submit(
        await here.person(), ADDRESS, "fix the crash", Options(), enclosed=Enclosed(files=(picture,), context="Bo: hm")
    )
    kept = await site.browser.get(f"/tasks/{task.id}/files/{digest}")
    assert kept.headers["content-type"] == "application/octet-stream"
    assert kept.headers["content-disposition"].startswith("attachment")
    page = await site.text(f"/tasks/{task.id}")
    assert f"/files/{digest}" in page and "<b>" not in page and "&lt;b&gt;.png" in page
    assert "Bo: hm" not in page


async def test_a_build_shows_link_and_code_or_why_there_is_none(site: Site) -> None:
    task = await done(site)
    built = await site.world.store.records.build(task.id)
    assert built is not None
    page = await site.text(f"/tasks/{task.id}/build")
    assert f'href="http://preview/{built.id}"' in page and "<svg" in page and built.digest in page
    assert all(f'src="/tasks/{task.id}/files/{one}"' in page for one in (built.before, built.after))
    assert "image/png" in (await site.browser.get(f"/tasks/{task.id}/files/{built.after}")).headers["content-type"]
    numbers = re.compile(r'(name="nonce" value=")[0-9a-f]*')
    assert numbers.sub("", await site.text(f"/builds/{built.id}")) == numbers.sub("", page)
    site.world.app.ports.artifacts.path(built.digest).unlink()
    gone = await site.text(f"/builds/{built.id}")
    assert "no longer kept" in gone and "<svg" not in gone and "Download" not in gone


@pytest.mark.parametrize(
    ("text", "why"),
    [("fix the crash", "still at work"), ("look around", "nothing was changed")],
)
async def test_a_task_without_a_build_says_why(text: str, why: str, site: Site) -> None:
    site.world.agent.habits["look around"] = Edit()
    task = await (site.world.ask(text) if why == "still at work" else done(site, text))
    assert why in await site.text(f"/tasks/{task.id}/build")


async def test_an_earlier_build_says_that_it_is_one(site: Site) -> None:
    task = await done(site)
    first = await site.world.store.records.build(task.id)
    assert first is not None
    later = Build(id="later", task=task.id, commit=Sha("c" * 40), kind="file", digest="d" * 64, size=1)
    await site.world.store.records.save_build(later)
    assert "earlier build" in await site.text(f"/builds/{first.id}")
    assert "earlier build" not in await site.text("/builds/later")


async def test_a_long_history_is_cut_with_a_link_to_the_whole(site: Site) -> None:
    task = await site.world.ask()
    for number in range(450):
        await site.world.store.events.record(task.id, 1, StepProgressed(step="code", detail=f"line {number}"))
    page = await site.text(f"/tasks/{task.id}")
    assert "earlier ones are in the" in page and "line 449" in page and "line 100<" not in page
    assert "line 100\n" in (await site.browser.get(f"/tasks/{task.id}/log")).text


async def test_other_pages_cannot_take_parts_of_these(site: Site) -> None:
    task = await site.world.ask()
    for site_, mode, dest, status in (
        ("cross-site", "no-cors", "image", 403),
        ("cross-site", "cors", "empty", 403),
        ("same-site", "cors", "empty", 403),
        ("cross-site", "navigate", "iframe", 403),
        ("cross-site", "navigate", "document", 200),
        ("same-origin", "cors", "empty", 200),
        ("none", "navigate", "document", 200),
    ):
        headers = {"Sec-Fetch-Site": site_, "Sec-Fetch-Mode": mode, "Sec-Fetch-Dest": dest}
        assert (await site.browser.get(f"/tasks/{task.id}", headers=headers)).status_code == status, headers


async def test_nothing_but_looking_is_answered(site: Site) -> None:
    task = await done(site)
    for method in ("POST", "PUT", "DELETE", "PATCH"):
        for path in ("/", f"/tasks/{task.id}", f"/tasks/{task.id}/pull-request", f"/tasks/{task.id}/build"):
            assert (await site.browser.request(method, path)).status_code == 405
    assert (await site.world.now(task)).state is State.PROPOSED


async def test_a_build_event_is_a_line_with_its_hint(site: Site) -> None:
    task = await site.world.ask()
    made = BuildReady(
        build="b",
        kind="web",
        commit="c" * 40,
        digest="d" * 64,
        size=5,
        preview_url="http://127.0.0.1:1/p/",
        hint="only here",
    )
    await site.world.store.events.record(task.id, 1, made)
    assert "http://127.0.0.1:1/p/\n  only here" in await site.text(f"/tasks/{task.id}")


async def test_json_is_no_page(site: Site) -> None:
    """Nothing of a page is a script's data: it cannot be read as one."""
    answer = await site.browser.get("/")
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    with pytest.raises(ValueError, match="Expecting value"):
        json.loads(answer.text)

"""Reviewing on a page: riskiest files first, lines on demand, questions about lines, and nothing that a file can do."""

import gzip
import re
from collections.abc import AsyncIterator, Mapping
from dataclasses import replace
from html import unescape
from pathlib import Path

import httpx
import pytest
from pages_world import Site, app_of, site_of
from starlette.types import Receive, Send
from starlette.types import Scope as AsgiScope

from honk.domain.access import Scope
from honk.domain.event import ChangeTaken
from honk.domain.repository import Sha
from honk.domain.task import Task
from honk.domain.verdict import Answer, Evidence, Finding, Kind, Proof, Verdict
from honk.doors.web.changed_files import file_id
from honk.testing.fake_work import APP

pytestmark = pytest.mark.anyio

PNG = b"\x89PNG\r\n\x1a\n\0\0\0"
HOSTILE = "</pre><script>alert(1)</script><img src=x onerror=alert(2)>'\"&\u202etxt\x1b[31m"


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Site]:
    async with site_of(tmp_path) as made:
        await made.sign_in(await made.token())
        yield made


async def proposed(site: Site, old: Mapping[str, bytes], new: Mapping[str, bytes]) -> Task:
    """A task whose pull request turns these files into those."""
    async with site.world.working():
        task = await site.world.settled(await site.world.ask())
    code = site.world.code
    code.trees[code.commits[code.branches["main"]].tree] = dict(old)
    await moved(site, task, new)
    return task


async def moved(site: Site, task: Task, files: Mapping[str, bytes]) -> Sha:
    """The pull request is at a new commit with these files."""
    pull_request = await site.world.pull_request(task)
    head = site.world.code.commit(site.world.code.tree(files), (pull_request.head,), f"{len(files)} files")
    await site.world.store.records.save_pull_request(task.repository.key, replace(pull_request, head=head))
    return head


async def taken(site: Site, task: Task, turn: int, commit: Sha) -> None:
    event = ChangeTaken(attempt=1, commit=commit, tree="t" * 40, files=(), insertions=0, deletions=0)
    await site.world.store.events.record(task.id, turn, event)


def steering(site: Site) -> httpx.AsyncClient:
    """The same browser, of a visitor who may steer."""
    app = app_of(site.world, site.addresses)

    async def allowed(scope: AsgiScope, receive: Receive, send: Send) -> None:
        scope.setdefault("state", {})["may"] = frozenset({Scope.READ, Scope.STEER})
        await app(scope, receive, send)

    return httpx.AsyncClient(
        transport=httpx.ASGITransport(allowed), base_url="http://honk", cookies=site.browser.cookies
    )


def card(page: str, name: str) -> str:
    """The card of that file."""
    (found,) = re.findall(
        rf'<details id="file-{file_id(name)}".*?</div></details>\n(?=<details id="file-|<p class="more|</section)',
        page,
        re.DOTALL,
    )
    return str(found)


def at(task: Task, rest: str = "") -> str:
    return f"/tasks/{task.id}/pull-request{rest}"


OLD = {
    **{APP: b"def play(song):\n    return song\n", "gone.py": b"x = 1\n", "test_a.py": b"def test_a(): pass\n"},
    **{"package-lock.json": b"{}\n", "logo.png": PNG, "drawing.svg": b"<svg/>\n", "same.py": b"s\n" * 9, "raw": b"\0"},
}
NEW = {
    **{APP: b"def play(track):\n    return track\n", "test_a.py": b"def test_a(): pass\ndef test_b(): pass\n"},
    **{"package-lock.json": b'{"a": 1}\n', "logo.png": PNG + b"2", "drawing.svg": b"<svg onload='alert(1)'/>\n"},
    **{"moved.py": b"s\n" * 9, "README.md": b"Words\n", "Makefile": b"all:\n", "raw": b"\0\1", "empty.py": b""},
}


async def test_files_come_by_risk_and_each_says_why(site: Site) -> None:
    task = await proposed(site, OLD, NEW)
    page = await site.text(at(task))
    names = re.findall(r'<code class="name">(.*?)</code>', page)
    assert set(names[:2]) == {"package-lock.json", "Makefile"}, "what the gate or the installation runs comes first"
    assert names.index("gone.py") < names.index(APP) < names.index("test_a.py") < names.index("README.md")
    assert "11 files, those to look at first come first" in page
    assert "decides what is installed" in card(page, "package-lock.json") and "deleted code" in card(page, "gone.py")
    for name, word in (("package-lock.json", "lock file"), ("gone.py", "deleted")):
        assert f"<b>{word}</b>" in card(page, name) and "<table>" not in card(page, name), name
        assert " open>" not in card(page, name).partition("<summary>")[0] and "Show its lines" in card(page, name)
    assert "moved from <code>same.py</code>" in card(page, "moved.py") and "<b>moved</b>" in card(page, "moved.py")
    assert "It is no text" in await site.text(at(task, f"/file?file={file_id('raw')}"))


async def test_changed_words_and_colours_are_marked(site: Site) -> None:
    task = await proposed(site, OLD, NEW)
    shown = card(await site.text(at(task)), APP)
    assert '<tr class="d"><td>1</td><td></td><td class="c"><span class="k">def</span> ' in shown
    assert "<del>song</del>" in shown and "<ins>track</ins>" in shown
    assert "style=" not in shown


async def test_a_file_is_a_part_and_a_page(site: Site) -> None:
    lines = [f"row_{number}\n" for number in range(60)]
    changed = [*lines[:30], "new\n", *lines[31:]]
    task = await proposed(site, {APP: "".join(lines).encode()}, {APP: "".join(changed).encode()})
    base = at(task, f"/file?file={file_id(APP)}")
    page = await site.text(base)
    assert "<!doctype html>" in page and "row_28" in page and "row_20" not in page
    assert "27 lines not shown: show more" in page and "context=25" in page
    part = await site.text(f"{base}&part=1")
    assert "<html" not in part and part.strip().startswith('<p class="gap">')
    assert "row_10<" in await site.text(f"{base}&context=25") and "row_59<" in await site.text(f"{base}&context=all")
    for rest in ("&context=4", "&from=-1", "&from=x", "&from=٣"):
        assert (await site.browser.get(base + rest)).status_code == 404
    for wrong in ("0" * 12, "", "../x", APP, "%00"):
        assert (await site.browser.get(at(task, f"/file?file={wrong}"))).status_code == 404


async def test_lines_of_another_head_are_not_shown(site: Site) -> None:
    task = await proposed(site, OLD, NEW)
    match = re.search(rf'href="([^"]*/file\?file={file_id("gone.py")}[^"]*)"', await site.text(at(task)))
    assert match is not None and "head=" in match[1]
    address = unescape(match[1])
    assert (await site.browser.get(address)).status_code == 200
    await moved(site, task, {APP: b"later"})
    for rest in ("", "&part=1"):
        answer = await site.browser.get(address + rest)
        assert answer.status_code == 409 and "the branch moved" in answer.text and "x = 1" not in answer.text


async def test_pictures_stand_side_by_side_and_nothing_of_them_runs(site: Site) -> None:
    task = await proposed(site, OLD, {**NEW, "logo.png": b"<svg onload=alert(1)>\0", "new.gif": b"GIF89a\0"})
    page = await site.text(at(task))
    before, after = [unescape(one) for one in re.findall(r'<img class="picture" src="([^"]+)"', card(page, "logo.png"))]
    answer = await site.browser.get(before)
    assert (answer.headers["content-type"], answer.content) == ("image/png", PNG)
    assert "sandbox" in answer.headers["content-security-policy"]
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert (await site.browser.get(after)).status_code == 404, "its first bytes are those of no picture"
    assert card(page, "new.gif").count("<img") == 1
    assert "<img" not in card(page, "drawing.svg") and "alert(1)" in card(page, "drawing.svg")
    for wrong in (f"file={file_id('drawing.svg')}&side=after", f"file={file_id('logo.png')}&side=x", "side=after"):
        assert (await site.browser.get(at(task, f"/picture?{wrong}"))).status_code == 404


async def test_only_who_may_steer_is_offered_a_question(site: Site) -> None:
    task = await proposed(site, OLD, NEW)
    asking = at(task, f"?file={file_id(APP)}&line=1")
    assert "<form class=" not in await site.text(asking) and "#ask" not in await site.text(at(task))
    async with steering(site) as browser:
        page = (await browser.get(at(task))).text
        assert f'href="?file={file_id(APP)}&amp;line=2&amp;side=old#ask"' in page
        numbers = re.compile(r'(name="nonce" value=")[0-9a-f]*')
        again = (await browser.get(at(task))).text
        assert numbers.sub("", page) == numbers.sub("", again), "nothing of it is made anew by looking again"
        first, second = [(await browser.get(asking)).text for _ in range(2)]
        fields = dict(
            re.findall(r'name="(\w+)" value="([^"]*)"', first.partition('id="ask"')[2].partition("</form>")[0])
        )
        assert (fields["file"], fields["line"], fields["to"]) == (APP, "1", at(task, f"#file-{file_id(APP)}"))
        assert re.fullmatch(r"[0-9a-f]{32}", fields["once"]) and fields["once"] not in second
        assert f'action="/tasks/{task.id}/reply"' in first and f"About line 1 of {APP}" in first
        old = (await browser.get(asking + "&side=old")).text
        assert "About line 1 as it was before: </textarea>" in old
        assert 'id="ask"' in (await browser.get(at(task, f"/file?file={file_id(APP)}&line=1"))).text
        for wrong in ("line=0", "line=-1", "line=x", "line=1&file=nothing", "line=1" + "0" * 20, "line=٣"):
            assert 'id="ask"' not in (await browser.get(at(task, f"?file={file_id(APP)}&{wrong}"))).text


async def test_a_question_about_a_line_is_a_reply_with_file_and_line(site: Site) -> None:
    site.browser.cookies.clear()
    await site.sign_in(await site.token(Scope.READ, Scope.STEER))
    task = await proposed(site, OLD, NEW)
    page = await site.text(at(task, f"?file={file_id(APP)}&line=2"))
    fields = dict(re.findall(r'name="(\w+)" value="([^"]*)"', page.partition('id="ask"')[2].partition("</form>")[0]))
    for _ in range(2):  # a second tap is no second reply
        answer = await site.browser.post(f"/tasks/{task.id}/reply", data={**fields, "text": "why not all?"})
        assert (answer.status_code, answer.headers["location"]) == (303, fields["to"])
    latest = await site.world.store.tasks.turn(task.id, (await site.world.now(task)).turn)
    assert latest.message.text == f'On "{APP}", line 2:\n\nwhy not all?'
    assert latest.number == 2


async def test_what_comes_of_a_review_is_at_the_thumb_of_who_may(site: Site) -> None:
    task = await proposed(site, OLD, NEW)
    assert 'id="thumb"' not in await site.text(at(task))
    site.browser.cookies.clear()
    await site.sign_in(await site.token(Scope.READ, Scope.STEER, Scope.MERGE))
    thumb = (await site.text(at(task))).partition('id="thumb"')[2]
    assert f'href="/tasks/{task.id}/merge#approve"' in thumb and f'href="/tasks/{task.id}#composer"' in thumb


async def test_what_the_last_turn_changed_is_marked_and_offered_alone(site: Site) -> None:
    task = await proposed(site, OLD, NEW)
    assert "No earlier turn changed anything" in await site.text(at(task))
    assert (await site.browser.get(at(task, "?since=turn-1"))).status_code == 200
    assert "nothing to compare it with" in await site.text(at(task, "?since=turn-1"))
    first = (await site.world.pull_request(task)).head
    await taken(site, task, 1, first)
    second = await moved(site, task, {**NEW, "README.md": b"Words\nMore\n"})
    await taken(site, task, 2, second)
    page = await site.text(at(task))
    assert "new in the latest turn" in card(page, "README.md") and page.count("new in the latest turn") == 1
    assert f'href="{at(task)}?since=turn-2#diff"' in page
    only = await site.text(at(task, "?since=turn-2"))
    assert re.findall(r'<code class="name">(.*?)</code>', only) == ["README.md"]
    assert "Only what turn 2 changed" in only and "since=turn-2" in card(only, "README.md")
    for odd in ("turn-0", "turn-x", "turn-99999999", "main", "../x"):
        assert (await site.browser.get(at(task, f"?since={odd}"))).status_code == 200


async def test_the_verdict_comes_first(site: Site) -> None:
    task = await proposed(site, OLD, NEW)
    red = Evidence(command="pytest", exit_code=1, seconds=1.0, condensed="1 failed")
    passed = Finding(verifier="pytest", kind=Kind.TEST, answer=Answer.PASS, summary="ok")
    verdict = Verdict(
        answer=Answer.UNSURE,
        tree=Sha("t" * 40),
        commit=(await site.world.pull_request(task)).head,
        findings=(passed, replace(passed, verifier="ruff", answer=Answer.UNSURE)),
        proof=Proof(tests=("test_a.py::test_b",), red=red, green=replace(red, exit_code=0, condensed="1 passed")),
        not_proven=("nobody tried it on a phone", "nobody measured it"),
    )
    await site.world.store.records.save_verdict(task.id, 1, 9, verdict)
    page = await site.text(at(task))
    words = " ".join(re.sub(r"<[^>]+>", " ", page).split())
    assert "Proven: red without the change, green with it; pytest" in words and "Unsure: ruff" in words
    assert "Not proven: nobody tried it on a phone and 1 more" in words and "nobody measured it" in words
    assert "Red without the change" in words and "Green with it" in words
    assert page.index('id="verdict"') < page.index('id="text"') < page.index('id="diff"')


async def test_a_strangers_files_are_only_words(site: Site) -> None:
    names = ["</code><script>x</script>", "\u202egnp.py", "a\nb", "\udcff.py", "x" * 3000, "'\"&{{ 7*7 }}.html"]
    lines = f"{HOSTILE}\n".encode() * 3 + b"\xff\xfe caf\xe9\n"
    long = lines + b"z" * 1_000_000 + b"\n"
    task = await proposed(site, {APP: b"1\n"}, dict.fromkeys(names, lines) | {names[0]: long, APP: b"\0"})
    pages = [await site.text(at(task))]
    pages += [
        await site.text(at(task, f"/file?file={file_id(name)}{rest}")) for name in names for rest in ("", "&part=1")
    ]
    async with steering(site) as browser:
        pages += [(await browser.get(at(task, f"?file={file_id(name)}&line=1"))).text for name in names]
    for page in pages:
        assert "<script>" not in page and "<img src" not in page and "onerror=alert(2)>" not in page
        assert not {"\u202e", "\x1b", "\x00", "\udcff"} & set(page)
        assert "style=" not in page and len(page) < 300_000
    assert "U+202E" in pages[0] and "\\xff" in pages[0] and "more characters" in pages[1]


async def test_a_page_of_very_many_lines_is_small_and_all_of_them_can_be_had(site: Site) -> None:
    new = {f"module_{file:02}.py": b"".join(b"    value = call(%d)\n" % n for n in range(1000)) for file in range(5)}
    task = await proposed(site, {}, new)
    page = await site.text(at(task))
    assert len(gzip.compress(page.encode())) < 100_000 and len(page) < 200_000
    assert page.count("<tr") == 450 and "850 more lines" in page
    assert page.count("data-src=") == 2
    one, seen = f"{at(task)}/file?file={file_id('module_03.py')}&part=1", 0
    part = await site.text(one)
    assert part.count("<tr") == 1000 and "more lines" not in part
    long = await proposed_long(site, task)
    address = f"{long}&part=1"
    while True:
        part = await site.text(address)
        seen += part.count("<tr")
        if (match := re.search(r'data-next href="([^"]+)"', part)) is None:
            break
        address = unescape(match[1]) + "&part=1"
    assert seen == 5_000


async def proposed_long(site: Site, task: Task) -> str:
    """The address of one file of 5,000 lines."""
    await moved(site, task, {"long.py": b"x = 1\n" * 5_000})
    return at(task, f"/file?file={file_id('long.py')}")


async def test_thousands_of_files_come_by_the_hundred(site: Site) -> None:
    task = await proposed(site, {}, {f"f{number:05}.py": b"1\n" for number in range(2_000)})
    page = await site.text(at(task))
    assert page.count('<details id="file-') == 100 and "1900 more files" in page and len(page) < 300_000
    last = await site.text(at(task, "?from=1950"))
    assert last.count('<details id="file-') == 50 and "Files before" in last
    assert "<summary><code" not in await site.text(at(task, "?from=999999"))
    for wrong in ("-1", "x", "1" * 20, "٣"):
        assert (await site.browser.get(at(task, f"?from={wrong}"))).status_code == 404


async def test_the_parts_of_a_page_are_for_who_may_see_it_and_change_nothing(site: Site) -> None:
    task = await proposed(site, OLD, NEW)
    for path in (f"/file?file={file_id(APP)}", f"/picture?file={file_id('logo.png')}&side=after"):
        for method in ("POST", "PUT", "DELETE"):
            assert (await site.browser.request(method, at(task, path))).status_code == 405
        framed = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors", "Sec-Fetch-Dest": "image"}
        assert (await site.browser.get(at(task, path), headers=framed)).status_code == 403
        async with httpx.AsyncClient(
            transport=httpx.ASGITransport(app_of(site.world, site.addresses)), base_url="http://honk"
        ) as stranger:
            assert (await stranger.get(at(task, path))).headers["location"].startswith("/sign-in")

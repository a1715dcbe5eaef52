"""A team on GitHub from an issue to a revert, with the real server, git, Claude Code, and signed webhooks.

Not real: GitHub, which is honk.testing.fake_github, its CI, and the model.
"""

from contextlib import AsyncExitStack

import pytest
from github_place import INSTRUCTION, PLAYER, REMARK, SECRET, Place, place
from github_secrets import in_files, in_words, secrets

from honk.testing.fake_github import Issue, Pull
from partners import github_graphql
from partners.github_openapi import check_requests

pytestmark = [pytest.mark.anyio, pytest.mark.sandbox, pytest.mark.e2e]


@pytest.mark.seconds(240)
async def test_from_an_issue_to_a_revert_killed_on_the_way() -> None:
    async with place() as here, AsyncExitStack() as servers:
        await servers.enter_async_context(here.serving())
        here.hub.world.hooks.release()
        issue, task = await asked(here)
        there, pull = await proposed(here, issue)
        await corrected(here, issue, there, pull)
        await a_stranger_asks(here, issue)
        await reviewed(here, there, pull, servers)
        await approved(here, issue, there, pull)
        merge = await merged(here, there, pull)
        await deployed(here, issue, task, merge)
        await reverted(here, there, task)
        await nothing_twice(here)
        check_requests(here.hub.world)
        github_graphql.check_queries(here.hub.world)
        await nothing_shown(here)


async def asked(here: Place) -> tuple[Issue, str]:
    """Ada opens an issue, and names Honk in a comment on it."""
    issue = here.hub.people.issue("ada", here.repo, "The player crashes", "On some playlists it divides by zero.")
    comment = here.hub.people.comment("ada", here.repo, issue, f"@honk {INSTRUCTION}")
    await here.until(lambda: [one.content for one in comment.reactions if one.user is here.app.bot] == ["eyes"])
    status = await here.hears(issue, INSTRUCTION)
    [task] = await here.tasks()
    assert f"task `{task}`" in status
    return issue, task


async def proposed(here: Place, issue: Issue) -> tuple[Issue, Pull]:
    """A draft, since the repository's CI has not answered; its text says everything."""
    there, pull = await here.proposed()
    assert pull.draft and there.title and here.repo.bare.branch(pull.head_ref) == pull.head_sha
    body = there.body or ""
    for words in ("## What", "## Why", "## Testing", "- [ ] Somebody listened", f"Closes #{issue.number}", INSTRUCTION):
        assert words in body, (words, body)
    for words in ("A playlist without songs has a summary now", "answered yet", "Requested-by: Ada Lovelace"):
        assert words in body, (words, body)
    await here.until(lambda: [one.name for one in there.labels] == ["made-by-honk"])
    assert not pull.reviewers, "nobody is asked to look at a draft"
    await here.hears(issue, f"#{there.number} (draft)", "Not answered yet: ci")
    return there, pull


async def corrected(here: Place, issue: Issue, there: Issue, pull: Pull) -> None:
    """The CI fails, and the agent has its log; on the next head it passes, and only then the draft is none."""
    head = pull.head_sha
    await here.ci(pull, "failure")
    head = await here.moved(pull, head)
    assert "Empty playlists crash no more" in here.read(head, "CHANGELOG.md")
    await here.hears(issue, "Not answered yet: ci", head[:7])
    assert pull.draft
    await here.ci(pull, "success")
    await here.until(lambda: not pull.draft)
    await here.until(lambda: (found := here.honks_check(head)) is not None and found.conclusion == "success")
    await here.until(lambda: [one.login for one in pull.reviewers] == ["grace"])
    await here.hears(issue, "Ready to merge", "✓ ci")
    assert "Nothing known" in (there.body or "") and "answered yet" not in (there.body or "")


async def a_stranger_asks(here: Place, issue: Issue) -> None:
    """And is told once why nothing comes of it."""
    for words in ("delete everything", "merge", "please"):
        here.hub.people.comment("cleo", here.repo, issue, f"@honk {words}")
    await here.hears(issue, "@cleo")
    await here.worked_off()
    [said] = [one for one in here.said(issue) if "@cleo" in one]
    assert "takes the permission “write”" in said


async def reviewed(here: Place, there: Issue, pull: Pull, servers: AsyncExitStack) -> None:
    """Grace asks for a change on a line; in the middle of that turn the server is killed, and goes on."""
    head = pull.head_sha
    text = here.read(head, "player.py").splitlines()
    line = next(number for number, one in enumerate(text, 1) if "if songs else 0" in one)
    remark = {"path": "player.py", "line": line, "body": REMARK}
    here.hub.people.review("grace", here.repo, there, "CHANGES_REQUESTED", "Nearly.", comments=[remark])
    await here.comes(here.model.reached("review"))
    calls = len(here.model.calls)
    await here.heard[-1].killed()
    await servers.enter_async_context(here.serving())
    await here.comes(here.model.called(calls + 1))
    here.model.release("review")
    head = await here.moved(pull, head)
    assert "else 0.0" in here.read(head, "player.py")

    def answers() -> list[str]:
        found = here.repo.review_comments.values()
        return [one.body for one in found if one.reply_to is not None and one.user is here.app.bot]

    [answer] = await here.until(answers)
    assert f"Done in {head[:12]}" in answer and "0.0" in answer
    first = next(one for one in here.repo.review_comments.values() if one.reply_to is None)
    await here.until(lambda: first.resolved_by is here.app.bot)
    await here.until(lambda: pull.draft)


async def approved(here: Place, issue: Issue, there: Issue, pull: Pull) -> None:
    """The CI passes on the new head, and Grace approves of it."""
    await here.ci(pull, "success")
    await here.until(lambda: not pull.draft)
    await here.hears(issue, "Ready to merge")
    here.hub.people.review("grace", here.repo, there, "APPROVED", "Thank you!")
    await here.hears(issue, "Approved by Grace Hopper")


async def merged(here: Place, there: Issue, pull: Pull) -> str:
    """Ada says so; exactly the approved head is merged, and its branch goes."""
    here.hub.people.comment("ada", here.repo, there, "@honk merge")
    await here.until(lambda: pull.merged_at is not None)
    [call] = here.hub.world.calls("PUT", "/merge")
    assert call.body["sha"] == pull.head_sha and call.status == 200
    await here.until(lambda: here.repo.bare.branch(pull.head_ref) is None)
    assert pull.merge_commit_sha and here.repo.bare.branch("main") == pull.merge_commit_sha
    return pull.merge_commit_sha


async def deployed(here: Place, issue: Issue, task: str, commit: str) -> None:
    """The workflow is begun once, waits for Grace, and then it is live."""
    machines = here.hub.machines
    [run] = await here.until(lambda: [one for one in here.repo.runs.values() if one.path.endswith("deploy.yml")])
    assert dict(run.inputs) == {"sha": commit, "to": "production"}
    machines.wait_for(here.repo, run, "production")
    await here.hears(issue, "waits for approval of production by")
    machines.decide(here.repo, run, "production")
    [deployment] = here.repo.deployments.values()
    where = f"{here.hub.web}/acme/player/actions/runs/{run.id}/job/1"
    machines.deployed(here.repo, deployment, "success", environment_url="https://player.example.org", log_url=where)
    machines.finish(here.repo, run)
    await here.hears(issue, "Deployed", "https://player.example.org")
    shown = await here.rests(task, "deployed")
    assert shown["production_url"] == "https://player.example.org"


async def reverted(here: Place, there: Issue, task: str) -> None:
    """A pull request of its own, which git made."""
    calls = len(here.model.calls)
    here.hub.people.comment("ada", here.repo, there, "@honk revert")
    back, pull = await here.proposed(2)
    assert back.title.startswith("Revert") and f"#{there.number}" in back.title
    assert here.read(pull.head_sha, "player.py") == PLAYER
    assert len(here.model.calls) == calls
    await here.ci(pull, "success")
    await here.hears(there, "? weakened tests", "✓ ci")


async def nothing_twice(here: Place) -> None:
    """Every delivery again, the last first, and all of them as new ones: it was all heard before."""
    await here.worked_off()
    tasks = await here.asks("tasks")
    assert [one["turns"] for one in tasks] == [1, 3], "of the revert, and of what it reverts"
    before = here.everything()
    hooks = here.hub.world.hooks
    heard = list(hooks.deliveries)
    assert len({one.event for one in heard}) > 8
    for one in reversed(heard):
        hooks.redeliver(one)
    for one in heard[::-3]:
        hooks.send(one.app, one.event, one.payload)
    await here.worked_off()
    assert all(one.status == 202 for one in hooks.deliveries[len(heard) :])
    assert await here.asks("tasks") == tasks
    assert here.everything() == before


async def nothing_shown(here: Place) -> None:
    """No token and no key, anywhere."""
    wanted = secrets(here.hub, SECRET)
    assert len([one for one in wanted if one.startswith(b"ghs_")]) > 3
    found = [each for one in here.heard for each in in_words("output", bytes(one.out + one.err), wanted)]
    for task in await here.tasks():
        found += in_words(f"events of {task}", await here.log(task), wanted)
    for asked in here.model.requests:
        found += in_words("the model", [dict(asked.headers), asked.body], wanted)
    for line, environments in here.watch.seen.items():
        found += in_words(f"the command line of {line!r:.300}", line, wanted)
        found += in_words(f"the environment of {line!r:.300}", b"\n".join(environments), wanted)
    assert any(b"\0push\0" in one for one in here.watch.seen), "git was not seen pushing"
    found += in_files(here.home.home, wanted) + in_files(here.repo.bare.folder, wanted)
    assert not found, "\n".join(found)


@pytest.mark.slow
async def test_somebody_tries_it_with_a_token_and_no_webhook() -> None:
    """Honk looks every half second; a label asks."""
    async with place(app=False) as here, here.serving():
        issue = here.hub.people.issue("ada", here.repo, "The player crashes", f"Please {INSTRUCTION}.")
        here.hub.people.label("ada", here.repo, issue, "honk")
        there, pull = await here.proposed()
        assert there.user.login == "honky" and f"Closes #{issue.number}" in (there.body or "")
        await here.until(lambda: not pull.draft)
        [task] = await here.tasks()
        await here.rests(task, "proposed")
        check_requests(here.hub.world)
        assert not here.hub.world.hooks.deliveries

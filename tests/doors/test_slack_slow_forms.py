"""A form that was sent, and takes longer than Slack waits: it stays, is done once, and what is refused is said."""

from dataclasses import replace
from pathlib import Path

import anyio
import pytest
from slack_world import QUICK, slack_world

from honk.testing.fake_work import APP, Edit

pytestmark = pytest.mark.anyio


async def test_a_form_that_takes_long_stays_and_sent_again_it_is_the_same_act(tmp_path: Path) -> None:
    async with slack_world(tmp_path, waits=replace(QUICK, answer=0.5)) as here:
        slack, until = here.slack, anyio.Event()
        slack.add_user("gus", is_restricted=True)
        slack.space.channels["C0GENERAL"].members.append("U0GUS")
        here.world.agent.habits["fix the crash"] = Edit(files={APP: b"fixed"}, until=until)
        ts = await here.ask()
        card = await here.card(ts, "At work")
        gate = slack.stall("users.info", times=2)
        for user in ("ben", "gus"):
            await slack.press(user, card.ts, "Interrupt…")
            await slack.until(lambda user=user: slack.views(user))
            assert not (await slack.submit(user, {"words": "friendlier"})).acknowledged
            assert slack.views(user), "nothing that was typed is lost"
        gate.set()
        told = await slack.until(lambda: slack.ephemeral("gus"))
        assert told[0].text.startswith("Guests are not heard here.") and told[0].thread_ts == ts
        task = await here.task()
        await here.slack.until(lambda: "friendlier" in str(here.world.agent.memory))
        assert (await slack.submit("ben", {"words": "friendlier"})).acknowledged and not slack.views("ben")
        until.set()
        await here.card(ts, "Ready to merge")
        log = [one.data for one in await here.world.log(task)]
        assert len([one for one in log if getattr(one, "text", "") == "friendlier"]) == 1
        assert not slack.ephemeral("ben")

"""A whole small Slack on loopback that behaves: Web API, Socket Mode, Events API, and the people in it.

async with FakeSlack() as slack:
    ...  # an app with AsyncWebClient(token=slack.app.bot_token, base_url=slack.api), a socket or a request_url
    asked = await slack.say("ada", "general", f"{slack.mention} fix the shuffle button")
    answer = await slack.until(lambda: slack.thread("general", asked)[1:])
    await slack.press("ada", answer[0].ts, "Stop")
"""

from honk.testing.fake_slack.app import App
from honk.testing.fake_slack.deliveries import Delivery
from honk.testing.fake_slack.limits import Limits
from honk.testing.fake_slack.server import FakeSlack
from honk.testing.fake_slack.web_api import Call, Trouble
from honk.testing.fake_slack.workspace import Channel, Ephemeral, File, Message, Team, User, View

__all__ = [
    "App",
    "Call",
    "Channel",
    "Delivery",
    "Ephemeral",
    "FakeSlack",
    "File",
    "Limits",
    "Message",
    "Team",
    "Trouble",
    "User",
    "View",
]

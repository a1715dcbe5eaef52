"""emulate's Slack, which knows scopes and Slack's errors; the Web API only, on loopback."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from honk.testing.fake_slack import App
from partners import emulate


@asynccontextmanager
async def emulated_slack(app: App) -> AsyncIterator[str]:
    """The base_url of a workspace with the people and the channel of FakeSlack, strict about the app's scopes."""
    seed = {
        "slack": {
            "team": {"name": "Acme", "domain": "acme"},
            "users": [{"name": one, "email": f"{one}@acme.example"} for one in ("ada", "ben", "cleo")],
            "channels": [{"name": "general"}],
            "bots": [{"name": app.name}],
            "tokens": [{"token": app.bot_token, "user": "ada", "scopes": sorted(app.scopes)}],
            "strict_scopes": True,
        }
    }
    async with emulate.running("slack", seed) as url:
        yield f"{url}/api/"

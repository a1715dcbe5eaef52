"""A whole small GitHub on loopback that behaves: REST, GraphQL, webhooks, git over HTTP, and the people in it.

async with FakeGitHub(tmp_path).serving() as hub:
    app = hub.world.app(webhook_url=…, webhook_secret="…")
    repo = hub.world.repository("acme/app", {"README.md": "hello"})
    installation = hub.world.install(app, "acme")
    ...  # a client of hub.url with app.id and app.private_key; git clones hub.clone_url(repo)
    hub.people.comment("ada", repo, 1, "@honk fix it")
    await hub.world.hooks.settled()

It is written from GitHub's public documentation (https://docs.github.com) and its OpenAPI description. The API is
at `hub.url` as on a GitHub Enterprise Server (`/api/v3`, GraphQL at `/api/graphql`), everything else at `hub.web`.
"""

from honk.testing.fake_github.accounts import EVENTS, PERMISSIONS
from honk.testing.fake_github.hooks import Delivery
from honk.testing.fake_github.limits import Limits, Trouble
from honk.testing.fake_github.machines import Machines
from honk.testing.fake_github.people import People
from honk.testing.fake_github.records import (
    Account,
    App,
    Comment,
    Installation,
    Issue,
    Protection,
    Pull,
    Repo,
    Review,
    ReviewComment,
    Run,
    Token,
)
from honk.testing.fake_github.server import FakeGitHub
from honk.testing.fake_github.world import Request, World

__all__ = [
    "EVENTS",
    "PERMISSIONS",
    "Account",
    "App",
    "Comment",
    "Delivery",
    "FakeGitHub",
    "Installation",
    "Issue",
    "Limits",
    "Machines",
    "People",
    "Protection",
    "Pull",
    "Repo",
    "Request",
    "Review",
    "ReviewComment",
    "Run",
    "Token",
    "Trouble",
    "World",
]

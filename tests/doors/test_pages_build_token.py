"""A token for the builds of one task opens no page, of that task neither."""

from pathlib import Path

import pytest
from pages_world import app_of, site_of
from starlette.routing import Route

pytestmark = pytest.mark.anyio
#: the app's own files, which say nothing of anybody
_FOR_ALL = ("/manifest.webmanifest", "/sw.js", "/offline")


async def test_a_token_for_builds_opens_no_page(tmp_path: Path) -> None:
    async with site_of(tmp_path) as site, site.world.working():
        task = await site.world.settled(await site.world.ask())
        issued = await site.world.app.issue_build_token(await site.world.person(), task, 24)
        token = issued.secret.reveal()
        refused = await site.sign_in(token, f"/tasks/{task.id}")
        assert refused.status_code == 403 and "not for looking" in refused.text
        headers = {"Authorization": f"Bearer {token}", "Cookie": f"honk={token}; honk={issued.token.id}.9999999999.x"}
        looked = 0
        for route in app_of(site.world, site.addresses).routes:
            assert isinstance(route, Route)
            if route.path.startswith(("/sign-", "/static", "/healthz", "/robots", *_FOR_ALL)) or not route.methods:
                continue
            path = route.path.replace("{task}", task.id).replace("{", "").replace("}", "").replace(":path", "")
            for method in route.methods - {"HEAD"}:
                answer = await site.browser.request(method, path, headers=headers)
                assert answer.status_code in {303, 404}, (method, path, answer.status_code)
                assert answer.status_code == 404 or answer.headers["location"].startswith("/sign-in"), path
                looked += answer.status_code == 303
        assert looked > 5

"""Rights, tokens and the audit log through the real command and a real server; and what an agent can make of them."""

import getpass
import socket
from collections.abc import Iterator
from pathlib import Path

import anyio
import pytest
import run_world
from run_world import Honk
from serve_world import RELEASED, server

pytestmark = [pytest.mark.anyio, pytest.mark.e2e, pytest.mark.sandbox]
POLICY = """
[people.root]
name = "Ada"
identities = ["local:{user}"]
[people.bo]
name = "Bo"
identities = ["slack:U2"]
[[roles]]
repositories = ["{root}/**"]
people = ["root"]
may = ["ask", "steer"{more}]
[[roles]]
repositories = ["*"]
people = ["bo"]
may = ["merge", "deploy", "administer"]
"""
#: what an agent could try: what is in its surroundings, and the server at every address of this machine
TRY = r"""
echo la la > song.txt
env > seen.txt
ls -la HONK_HOME >> seen.txt 2>&1
ls -laR /run /root /home 2>&1 | head -500 >> seen.txt
python3 - > answers.txt 2>&1 <<'PY'
import os, urllib.request
ways = [{}, *({"http": os.environ[name]} for name in ("HTTP_PROXY", "http_proxy") if name in os.environ)]
for way in ways:
    for url in ("http://127.0.0.1:PORT/api/v1/about", "http://ADDRESS:PORT/api/v1/about"):
        try:
            opener = urllib.request.build_opener(urllib.request.ProxyHandler(way))
            print("REACHED", opener.open(url, timeout=5).status)
        except Exception as error:
            print("no:", type(error).__name__, getattr(error, "code", ""), "REACHED" if hasattr(error, "headers") and
                  error.headers.get("Honk-Version") else "")
PY
"""


@pytest.fixture
def honk() -> Iterator[Honk]:
    with run_world.world() as made:
        yield made


def policy(honk: Honk, more: str = "") -> None:
    honk.home.mkdir(exist_ok=True)
    text = POLICY.format(user=getpass.getuser(), root=honk.root, more=more)
    (honk.home / "honk.toml").write_text(text)


def target(honk: Honk) -> Path:
    """A bare repository, so that its base branch can move."""
    bare = honk.root / "target.git"
    honk.git(honk.root, "clone", "-q", "--bare", str(honk.repository(RELEASED)), str(bare))
    return bare


async def test_an_agent_has_nothing_with_which_to_press_merge(honk: Honk) -> None:
    repository = target(honk)
    address = socket.gethostbyname(socket.gethostname())
    async with server(honk) as served:
        port = served.url.rsplit(":", 1)[1]
        script = TRY.replace("PORT", port).replace("ADDRESS", address).replace("HONK_HOME", str(honk.home))
        done = await served.far.change(str(repository), script)
        outside = honk.root / "outside"
        outside.mkdir()
        await anyio.run_process(["sh", "-c", script], cwd=outside, env=honk.environment)
        assert "REACHED" in (outside / "answers.txt").read_text() and "honk.db" in (outside / "seen.txt").read_text()
        assert done.settled["state"] in {"proposed", "draft"}, done.words
        task = done.settled["task"]
        branch = f"honk/{task}"
        seen = honk.git(repository, "show", f"{branch}:seen.txt")
        answers = honk.git(repository, "show", f"{branch}:answers.txt")
        audit = await served.far("audit", "--json")
    assert served.token not in seen and "HONK_TOKEN" not in seen and "HONK_URL" not in seen
    assert "honk.db" not in seen and "journal.db" not in seen
    assert "no:" in answers and "REACHED" not in answers, answers
    assert {one["act"] for one in audit.events} == {"ask"}
    assert honk.git(repository, "show", "main:song.txt") == "la"


@pytest.mark.slow
async def test_roles_count_at_every_act_while_the_server_runs(honk: Honk) -> None:
    repository = target(honk)
    policy(honk)
    async with honk.started("serve", "--port", "0") as running:
        found = await running.says(r"serving \S+ on (\S+);")
        scopes = [f"--scope={one}" for one in ("read", "ask", "steer", "merge", "deploy")]
        made = await honk("token", "create", "--name", "mine", *scopes)
        assert made.code == 0, made.words
        far = honk.without("HONK_HOME").on("http://127.0.0.1:9", HONK_URL=found[1], HONK_TOKEN=made.out.strip())
        done = await far.change(str(repository), "echo la la > song.txt")
        assert done.settled["state"] == "proposed", done.words
        refused = await far("merge", "last")
        assert refused.code == 1 and "no role grants merge (it is granted to Bo)" in refused.words
        explained = await far("policy", "explain", "-", "merge", str(repository))
        assert explained.code == 1 and "roles[0]" in explained.out and "it does not grant merge" in explained.out
        policy(honk, ', "merge"')
        waits = await far("merge", "last")
        assert waits.code == 4, waits.words
        assert "Ada may not deploy" in waits.words and "somebody who may deploy (Bo)" in waits.words
        assert honk.git(repository, "show", "main:song.txt") == "la la"
        (honk.home / "honk.toml").write_text("[[roles]\n")
        broken = await far("reply", "last", "more")
        assert broken.code == 1 and "honk.toml" in broken.words and "line 1" in broken.words
        policy(honk, ', "merge", "deploy"')
        live = await far("merge", "last")
        assert live.code == 0 and "deployed" in live.out, live.words
    policy(honk, ', "administer"')
    with_all = (honk.home / "honk.toml").read_text().replace(f'"{honk.root}/**"', '"*"')
    (honk.home / "honk.toml").write_text(with_all)
    log = [(one["act"], one["allowed"]) for one in reversed((await honk("audit", "--json")).events)]
    assert log == [
        ("ask", True),
        ("merge", False),
        ("merge", True),
        ("deploy", False),
        ("steer", False),
        ("deploy", True),
        ("deploy", True),
    ]


async def test_a_policy_is_tried_before_it_is_put_in_place(honk: Honk) -> None:
    policy(honk)
    good = await honk("policy", "check")
    assert good.code == 0 and "2 people, 0 teams, 2 roles; no budgets (policy " in good.out
    new = honk.root / "new.toml"
    new.write_text((honk.home / "honk.toml").read_text().replace('["bo"]', '["bob"]'))
    wrong = await honk("policy", "check", new)
    assert wrong.code == 1 and f"{new}, line 14: roles.1.people: there is no person 'bob'" in wrong.err
    assert (await honk("policy", "check", honk.root / "none.toml")).code == 2


@pytest.mark.slow
async def test_money_of_the_day_at_the_command_line(honk: Honk) -> None:
    honk.home.mkdir()
    (honk.home / "honk.toml").write_text("[budgets]\nday_usd = 0.25\n")
    repository = honk.repository()
    done = await honk.run(repository, "fix it")
    assert (done.code, done.settled["state"], done.settled["outcome"]) == (3, "waiting", "limit"), done.words
    assert "the budget of the day (day_usd) is used up: $0.25" in done.settled["reason"]
    refused = [one for one in done.events if one["event"] == "budget.refused"]
    assert [one["data"]["kind"] for one in refused] == ["day"]
    shown = (await honk("budget", "--json")).events
    assert [(one["kind"], one["limit_usd"], one["left_usd"]) for one in shown] == [("day", 0.25, 0.25)]
    assert (await honk("audit", "--since", "1h", "--task", done.settled["task"])).code == 0
    assert (await honk("audit", "--since", "soon")).code == 2

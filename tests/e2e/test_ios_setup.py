"""`honk ios setup` on a real repository: one pull request with the workflow, however often it is asked for.

Real: the command, the sandbox, git, the embedded forge. Not real: nothing runs at GitHub, and no Mac is asked.
"""

from collections.abc import Iterator

import pytest
from run_world import Honk, world

pytestmark = [pytest.mark.anyio, pytest.mark.sandbox, pytest.mark.e2e]
WORDS = ("--scheme", "Player", "--team", "ABCDE12345", "--url", "https://honk.example.com")
PATH = ".github/workflows/honk-ios.yml"


@pytest.fixture
def honk() -> Iterator[Honk]:
    with world() as made:
        yield made


async def test_it_is_proposed_once_and_found_again(honk: Honk) -> None:
    repository = honk.repository()
    dry = await honk("ios", "setup", repository, *WORDS, "--dry-run")
    assert dry.code == 0 and dry.out.startswith("# Builds the app") and honk.branches(repository) == []
    first = await honk("ios", "setup", repository, *WORDS)
    [branch] = honk.branches(repository)
    assert branch.startswith("honk/build-the-app-for-iphones") and "APP_STORE_CONNECT_KEY_ID" in first.words
    assert honk.git(repository, "show", f"{branch}:{PATH}") == dry.out.strip()
    assert honk.git(repository, "diff", "--name-only", f"main...{branch}") == PATH
    assert (
        honk.git(repository, "log", "-1", "--format=%s", branch) == "Build the app for iPhones, for TestFlight and Honk"
    )
    again = await honk("ios", "setup", repository, *WORDS)
    assert again.code == 0 and "It was proposed before" in again.words and honk.branches(repository) == [branch]

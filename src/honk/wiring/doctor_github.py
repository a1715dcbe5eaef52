"""What `honk doctor` says of GitHub: the key, the permissions, the way in, and the trouble that a server noted."""

from honk.adapters.sql import SqlStore
from honk.errors import HonkError
from honk.service import Diagnosis
from honk.settings import Settings
from honk.wiring.github_asking import asking
from honk.wiring.github_checks import Checks, says

#: Where the door notes its last trouble, among the preferences of chats.
NOTED = "github/door"
_SETUP = "honk github setup"


async def github(settings: Settings) -> list[Diagnosis]:
    """In short; `honk github check` tries each permission where the app is installed."""
    if not settings.file.github.enabled:
        return [says("", True, "switched off: enabled = false below [github]", required=False)]
    if not settings.github.opens:
        missing = settings.github.missing
        part = len(missing) == 1
        detail = f"not set: {missing[0]}" if part else "not set up"
        return [says("", False, detail, _SETUP, required=False)]
    found: list[Diagnosis] = []
    async with asking(settings) as connection:
        checks = Checks(connection, settings)
        try:
            found.append(await checks.server())
            found += await _in_short(checks, settings)
        except HonkError as error:
            found.append(says("", False, error.message, error.remedy))
    return [*found, *await noted(settings)]


async def _in_short(checks: Checks, settings: Settings) -> list[Diagnosis]:
    if not settings.github.has_app:
        return await checks.personal()
    app = await checks.app()
    if not app[0].ok:
        return app
    there = await checks.installations()
    names = ", ".join(str((one.get("account") or {}).get("login", "?")) for one in there[:5])
    detail = f"{len(there)}: {names}" if there else "the app is installed nowhere"
    return [*app, says("installations", bool(there), detail, f"open {checks.install}"), *await checks.webhook()]


async def noted(settings: Settings) -> list[Diagnosis]:
    """The last trouble of the running server's door; nothing where it has none, or the store cannot be read."""
    try:
        async with SqlStore(settings.database) as store:
            said = await store.chats.preferences.read(NOTED)
    except HonkError:
        return []
    if not (trouble := said.get("trouble", "")):
        return []
    since = f" (since {said['since']})" if said.get("since") else ""
    return [says("server", False, f"{trouble}{since}", "honk github check")]

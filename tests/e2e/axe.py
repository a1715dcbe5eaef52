"""axe-core, which looks for what keeps people out, in a page of a real browser."""

import json
from functools import cache
from pathlib import Path

from browser import Page

_AXE = Path(__file__).parent.parent / "partners" / "node_modules" / "axe-core" / "axe.min.js"
_RUN = """axe.run({ resultTypes: ["violations"] }).then(found => JSON.stringify(found.violations.map(one => ({
  rule: one.id, impact: one.impact, where: one.nodes.slice(0, 3).map(node => node.html.slice(0, 200)) }))))"""


def installed() -> bool:
    """Whether scripts/partners has installed it."""
    return _AXE.is_file()


@cache
def _source() -> str:
    return _AXE.read_text()


async def serious(page: Page) -> list[dict[str, object]]:
    """What axe finds on the page that is serious or worse."""
    await page.run(f"{_source()}; true")
    found: list[dict[str, object]] = json.loads(await page.run(_RUN))
    return [one for one in found if one["impact"] in {"serious", "critical"}]

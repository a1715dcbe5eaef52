"""A person's phone: Chromium at its size and with its name, moved by a thumb, and what goes wrong in it is heard."""

import contextlib
import json
from dataclasses import dataclass
from pathlib import Path

import axe
from browser import Browser, Page

#: what sticks out to the right, other than in a box that scrolls by itself
WIDE = """[...document.querySelectorAll('body *')].filter(e => !e.closest('pre') && e.getClientRects().length
  && e.getBoundingClientRect().right > innerWidth + 1).map(e => e.outerHTML.slice(0, 120))"""
#: what a thumb can hardly hit: WCAG 2.2, 2.5.8 (Target Size) asks for 24 pixels
SMALL_TARGETS = """[...document.querySelectorAll('button, .button, nav.bar a')].filter(e => e.getClientRects().length
  && (e.offsetHeight < 24 || e.offsetWidth < 24)).map(e => e.outerHTML.slice(0, 120))"""
#: a document that is only being born calls itself complete too
LOADED = "document.readyState === 'complete' && !!document.querySelector('main')"
_SKEWED = """{ const real = Date, by = %d; window.Date = class extends real {
  constructor(...given) { if (given.length) super(...given); else super(real.now() + by) }
  static now() { return real.now() + by } } }"""


@dataclass(frozen=True, kw_only=True, slots=True)
class Model:
    """A phone as pages see it; sizes are CSS pixels, `skew` is what its clock is wrong by, in hours."""

    name: str
    width: int
    height: int
    scale: float
    agent: str = ""
    skew: int = 0


SMALL = Model(name="small", width=360, height=740, scale=2)
IPHONE = Model(
    name="iPhone",
    width=390,
    height=664,
    scale=3,
    agent="Mozilla/5.0 (iPhone; CPU iPhone OS 18_6 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) "
    "Version/18.6 Mobile/15E148 Safari/604.1",
    skew=-49,
)
PIXEL = Model(
    name="Pixel",
    width=412,
    height=839,
    scale=2.625,
    agent="Mozilla/5.0 (Linux; Android 16; Pixel 9) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/141.0.0.0 "
    "Mobile Safari/537.36",
    skew=3,
)


async def phone(chromium: Browser, model: Model = SMALL) -> Page:
    """A page of it, whose complaints are heard."""
    page = await chromium.page()
    for domain in ("Log", "Runtime", "Network"):
        await page.ask(f"{domain}.enable")
    size = {"width": model.width, "height": model.height, "deviceScaleFactor": model.scale}
    await page.ask("Emulation.setDeviceMetricsOverride", **size, mobile=True)
    await page.ask("Emulation.setTouchEmulationEnabled", enabled=True, maxTouchPoints=1)
    if model.agent:
        await page.ask("Network.setUserAgentOverride", userAgent=model.agent)
    if model.skew:
        await page.ask("Page.addScriptToEvaluateOnNewDocument", source=_SKEWED % (model.skew * 3_600_000))
    return page


async def offline(page: Page, off: bool) -> None:
    """In a tunnel, or out of it."""
    await page.ask(
        "Network.emulateNetworkConditions", offline=off, latency=0, downloadThroughput=-1, uploadThroughput=-1
    )


async def slow_3g(page: Page) -> None:
    """400 kbit/s each way and 400 ms, as Chromium's own tools call it."""
    rate = 400_000 / 8
    await page.ask(
        "Network.emulateNetworkConditions", offline=False, latency=400, downloadThroughput=rate, uploadThroughput=rate
    )


async def write(page: Page, selector: str, words: str) -> None:
    """Types into a field."""
    await page.run(f"document.querySelector({selector!r}).focus()")
    await page.ask("Input.insertText", text=words)


async def tap(page: Page, selector: str) -> None:
    """Touches what is seen there with a finger; fails where something else lies above it."""
    await page.ask("Page.bringToFront")  # a tab behind another one feels nothing
    at = await page.run(
        f"""(() => {{ const e = document.querySelector({json.dumps(selector)});
          e.scrollIntoView({{ block: 'center', behavior: 'instant' }});
          const b = e.getBoundingClientRect(), x = b.x + b.width / 2, y = b.y + b.height / 2;
          const there = document.elementFromPoint(x, y);
          return e === there || e.contains(there) || there?.closest('label') === e ? [x, y] : there?.outerHTML }})()"""
    )
    assert isinstance(at, list), f"{selector} is covered by {at}"
    await page.ask("Input.dispatchTouchEvent", type="touchStart", touchPoints=[{"x": at[0], "y": at[1]}])
    await page.ask("Input.dispatchTouchEvent", type="touchEnd", touchPoints=[])


async def look(page: Page, into: Path, name: str) -> None:
    """Nothing is wider than the screen or keeps people out; and a picture for who wants to see it."""
    await page.ask("Page.bringToFront")
    assert await page.run(WIDE) == [], name
    assert await page.run("document.documentElement.scrollWidth <= innerWidth"), name
    assert await page.run(SMALL_TARGETS) == [], name
    if axe.installed():
        assert await axe.serious(page) == [], name
    await page.screenshot(into / f"{name}.png")


async def arrives(page: Page, state: str, and_: str = "true") -> None:
    """Waits for work to end, which a busy machine does later than a page loads."""
    script = f"!!document.querySelector('.badge.{state}') && {and_}"
    for _ in range(4):
        with contextlib.suppress(AssertionError):
            await page.until(script)
            return
    await page.until(script)


async def there(page: Page, path: str) -> None:
    """Waits until a page whose path ends so has loaded."""
    await page.until(f"location.pathname.endsWith({path!r}) && {LOADED}")


async def sign_in(page: Page, origin: str, token: str) -> None:
    """To the page where one asks."""
    await page.go(f"{origin}/ask")
    await write(page, "[name=token]", token)
    await page.click(".sign-in button")
    await there(page, "/ask")

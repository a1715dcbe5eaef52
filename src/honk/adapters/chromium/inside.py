"""Runs inside a sandbox, on standard input of an interpreter: serves an app to one browser, and pictures a page.

Arguments: folder (or address of the app's own server), page, scale, seconds, what is outlined (JSON, or nothing),
what makes a film of frames (nothing: a picture is taken), then the browser and its options. Output: the picture or
the film; what the programs say goes to standard error. Exit code 3: there was nothing to open; 4: nothing came.
"""

import base64
import fcntl
import http.client
import json
import os
import select
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from functools import partial
from http.server import BaseHTTPRequestHandler, SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote, urlsplit

POLICY = "sandbox allow-scripts allow-forms allow-modals allow-popups allow-downloads"
PAGES = (".html", ".htm")
#: bytes of one answer of an app's server, and seconds for it
LIMIT, PATIENCE = 64 << 20, 10.0
#: hop by hop, or said anew
NOT_PASSED = frozenset(
    {
        *("connection", "keep-alive", "transfer-encoding", "upgrade", "te", "trailer", "content-length", "host"),
        *("content-security-policy", "x-frame-options", "accept-encoding", "access-control-allow-origin"),
        *("set-cookie", "date", "server"),
    }
)
#: of a film: seconds, frames in one, seconds that loading may take before it begins, and bytes that it may have
FILM, RATE, LOADS, HEAVIEST = 6.0, 12, 5.0, 4 << 20
#: seconds after which the page has been scrolled to its end, or so many screens down; it rests there, and goes back
DOWN, REST, BACK, SCREENS = (0.8, 3.2), 0.6, 1.6, 4
#: Encoders that make what browsers play, the best one first: not every ffmpeg has all of them.
ENCODERS = (
    ("libx264", "-preset", "veryfast", "-crf", "27"),
    ("libopenh264", "-b:v", "900k"),
    ("libvpx-vp9", "-deadline", "realtime", "-cpu-used", "8", "-crf", "36", "-b:v", "0"),
)
#: The browser is spoken to by its descriptors 3 and 4.
STARTED = (
    "import os, sys; os.dup2(int(sys.argv[1]), 3); os.dup2(int(sys.argv[2]), 4); os.execv(sys.argv[3], sys.argv[3:])"
)
#: Looks for the element as long as the page settles, because a page may make it late, or anew.
OUTLINE = """
<script>(() => {
const { element, at } = JSON.parse(WHAT);
const box = document.createElement("div");
const root = document.documentElement;
let up = 0; // the picture is of the top, however far the page is scrolled: it is moved instead
const draw = () => {
  let found = null;
  try { found = document.querySelector(element); } catch { /* no selector: the place alone */ }
  if (found) {
    found.scrollIntoView({ block: "center", inline: "nearest", behavior: "instant" });
    up += scrollY;
    scrollTo({ top: 0, left: scrollX, behavior: "instant" });
    root.style.setProperty("position", "relative", "important");
    root.style.setProperty("top", `${-up}px`, "important");
  }
  const r = found ? found.getBoundingClientRect() : { x: at[0], y: at[1], width: at[2], height: at[3] };
  box.style.cssText = `position:fixed;z-index:2147483647;pointer-events:none;box-sizing:border-box;` +
    `left:${r.x - 4}px;top:${r.y - 4}px;width:${r.width + 8}px;height:${r.height + 8}px;` +
    `border:3px solid #e0115f;border-radius:4px;box-shadow:0 0 0 2px #fff`;
  root.append(box);
};
addEventListener("load", () => setInterval(draw, 250));
})();</script>
"""


class Outlining(BaseHTTPRequestHandler):
    """What both ways of serving have."""

    #: stands at the end of each page
    outline = b""

    def log_message(self, format: str, *args: object) -> None:
        """Nobody reads the requests."""

    def give(self, status: int, headers: list[tuple[str, str]], content: bytes) -> None:
        """One whole answer."""
        self.send_response(status)
        for name, value in headers:
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    def end_headers(self) -> None:
        """With what takes a page's rights away."""
        self.send_header("Content-Security-Policy", POLICY)
        self.send_header("Access-Control-Allow-Origin", "*")
        super().end_headers()


class Through(Outlining):
    """Asks the app's own server."""

    server_at = ""

    def answer(self) -> None:
        """Any method."""
        target = urlsplit(self.server_at)
        length = int(self.headers.get("Content-Length") or 0)
        body = self.rfile.read(min(length, LIMIT)) if length else None
        passed = {name: value for name, value in self.headers.items() if name.lower() not in NOT_PASSED}
        connection = http.client.HTTPConnection(target.hostname or "", target.port, timeout=PATIENCE)
        try:
            connection.request(self.command, self.path, body, {**passed, "Host": "localhost"})
            answer = connection.getresponse()
            content = answer.read(LIMIT)
        except (OSError, http.client.HTTPException):
            self.give(502, [("Content-Type", "text/plain")], b"the app's server did not answer\n")
            return
        finally:
            connection.close()
        headers = [(name, value) for name, value in answer.getheaders() if name.lower() not in NOT_PASSED]
        if (answer.getheader("Content-Type") or "").lower().startswith("text/html"):
            content += self.outline
        self.give(answer.status, headers, content)

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = do_OPTIONS = answer


class Handler(Outlining, SimpleHTTPRequestHandler):
    """As previews are served: without rights of its own, so that the picture shows what people will see."""

    extensions_map = SimpleHTTPRequestHandler.extensions_map | {
        ".js": "text/javascript",
        ".mjs": "text/javascript",
        ".webmanifest": "application/manifest+json",
        ".wasm": "application/wasm",
    }

    def do_GET(self) -> None:
        """A file; a page with what is outlined in it."""
        path = Path(self.translate_path(self.path))
        page = path / "index.html" if self.path.partition("?")[0].endswith("/") else path
        if self.outline and page.suffix in PAGES and page.is_file():
            self.give(200, [("Content-Type", "text/html")], page.read_bytes() + self.outline)
        else:
            super().do_GET()


def opened(folder: Path, page: str) -> str | None:
    """The page below the root, where it is there; of a build that is one file, that file."""
    wanted = folder / unquote(urlsplit(page).path).lstrip("/")
    if wanted.is_file() or (wanted / "index.html").is_file():
        return page.lstrip("/")
    pages = sorted(folder.glob("*.htm*"))
    return quote(pages[0].name) if not page and len(pages) == 1 else None


def handler(source: str, page: str, outline: str) -> tuple[Callable[..., BaseHTTPRequestHandler], str] | None:
    """What serves it, and the path of the page; None where there is no such page."""
    what = json.dumps(outline).replace("<", "\\u003c")
    Outlining.outline = OUTLINE.replace("WHAT", what).encode() if outline else b""
    if source.startswith("http:"):
        Through.server_at = source
        return Through, "/" + page.lstrip("/")
    first = opened(Path(source), page)
    if first is None:
        return None
    return partial(Handler, directory=str(Path(source).parent)), f"/{Path(source).name}/{first}"


class Told:
    """A browser that does what it is told, by its DevTools on two pipes. What goes wrong is an OSError."""

    def __init__(self, browser: list[str], seconds: float) -> None:
        ends = [fcntl.fcntl(one, fcntl.F_DUPFD_CLOEXEC, 10) for pair in (os.pipe(), os.pipe()) for one in pair]
        theirs = (ends[0], ends[3])
        command = [sys.executable, "-I", "-c", STARTED, *map(str, theirs), browser[0], "--remote-debugging-pipe"]
        self.process = subprocess.Popen([*command, *browser[1:]], stdout=subprocess.DEVNULL, pass_fds=theirs)
        for one in theirs:
            os.close(one)
        self.said, self.heard = os.fdopen(ends[1], "wb", 0), ends[2]
        self.ended = threading.Event()
        self.number, self.session, self.rest = 0, "", b""
        self.until = time.monotonic() + seconds

    def ask(self, method: str, **given: object) -> dict[str, Any]:
        """The answer; what the browser tells besides is nobody's business."""
        self.number += 1
        asked: dict[str, object] = {"id": self.number, "method": method, "params": given}
        self.said.write(json.dumps(asked | ({"sessionId": self.session} if self.session else {})).encode() + b"\0")
        while True:
            answer = json.loads(self._message())
            if answer.get("id") == self.number:
                if "error" in answer:
                    raise OSError(f"{method}: {answer['error']}")
                return dict(answer["result"])

    def value(self, expression: str) -> Any:
        """Of an expression in the page."""
        return self.ask("Runtime.evaluate", expression=expression, returnByValue=True)["result"].get("value")

    def leave(self, seconds: float) -> None:
        """In peace for so long."""
        self.ended.wait(max(0.0, seconds))

    def end(self) -> None:
        """Whatever it does."""
        self.ended.set()
        self.process.kill()
        self.process.wait()

    def _message(self) -> bytes:
        while b"\0" not in self.rest:
            # Its processes hold the pipe beyond its end: the pipe's own end is not waited for.
            if not select.select([self.heard], [], [], max(0.0, self.until - time.monotonic()))[0]:
                raise OSError("it took too long")
            if not (more := os.read(self.heard, 1 << 16)):
                raise OSError("the browser ended")
            self.rest += more
        message, _, self.rest = self.rest.partition(b"\0")
        return message


def place(at: float, way: float) -> float:
    """How far down the page is then, of a `way` in pixels."""
    begins, ends = DOWN
    back = ends + REST
    if at < back:
        return way * min(max((at - begins) / (ends - begins), 0.0), 1.0)
    return way * (1 - min((at - back) / BACK, 1.0))


def frames(browser: Told, address: str) -> list[tuple[float, bytes]]:
    """JPEGs and when each was taken: as many as the machine can."""
    pages = [
        one
        for one in browser.ask("Target.getTargets")["targetInfos"]
        if (one["type"], one["url"]) == ("page", "about:blank")
    ]
    browser.session = browser.ask("Target.attachToTarget", targetId=pages[0]["targetId"], flatten=True)["sessionId"]
    browser.ask("Page.navigate", url=address)
    until = time.monotonic() + LOADS
    while browser.value("document.readyState") != "complete" and time.monotonic() < until:
        browser.leave(0.05)
    taken: list[tuple[float, bytes]] = []
    began = time.monotonic()
    while (at := time.monotonic() - began) < FILM:
        # a page may grow while it is shown
        high, shown = browser.value("[document.documentElement.scrollHeight, innerHeight]")
        down = place(at, min(max(high - shown, 0), SCREENS * shown))
        browser.value(f"scrollTo({{ top: {down:.1f}, behavior: 'instant' }})")
        shot = browser.ask("Page.captureScreenshot", format="jpeg", quality=85, optimizeForSpeed=True)
        taken.append((at, base64.b64decode(shot["data"])))
        browser.leave(began + at + 1 / RATE - time.monotonic())
    return taken


def film(ffmpeg: str, taken: list[tuple[float, bytes]], into: Path) -> bool:
    """Puts the frames together at an even rate: each stands until the next one was taken."""
    row, number = [], 0
    for tick in range(int(FILM * RATE)):
        while number + 1 < len(taken) and taken[number + 1][0] <= tick / RATE:
            number += 1
        row.append(taken[number][1])
    for encoder, *options in ENCODERS:
        read = ("-nostdin", "-v", "error", "-y", "-threads", "2", "-f", "image2pipe", "-c:v", "mjpeg")
        even = "scale=trunc(iw/2)*2:trunc(ih/2)*2,format=yuv420p"
        made = ("-vf", even, "-an", "-c:v", encoder, *options, "-movflags", "+faststart", "-f", "mp4", str(into))
        command = [ffmpeg, *read, "-framerate", str(RATE), "-i", "pipe:0", *made]
        done = subprocess.run(command, input=b"".join(row), stdout=subprocess.DEVNULL, check=False)
        if done.returncode == 0 and into.is_file() and 0 < into.stat().st_size <= HEAVIEST:
            return True
    return False


def filmed(ffmpeg: str, browser: list[str], address: str, seconds: float, into: Path) -> bool:
    """Makes the film."""
    told = Told([*browser, "about:blank"], seconds)
    try:
        taken = frames(told, address)
    except (OSError, LookupError, TypeError, ValueError) as error:
        sys.stderr.write(f"no film: {error!r}"[:500])
        return False
    finally:
        told.end()
    return bool(taken) and film(ffmpeg, taken, into)


def pictured(browser: list[str], address: str, seconds: float, into: Path) -> bool:
    """Takes the picture."""
    command = [*browser, f"--screenshot={into}", address]
    try:
        subprocess.run(command, stdout=subprocess.DEVNULL, timeout=seconds, check=False)
    except subprocess.TimeoutExpired:
        return False
    return into.is_file()


def main(source: str, page: str, scale: str, seconds: str, outline: str, ffmpeg: str, *browser: str) -> int:
    """Takes the picture, or the film."""
    found = handler(source, page, outline)
    if found is None:
        return 3
    server = ThreadingHTTPServer(("127.0.0.1", 0), found[0])
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as room:
        into = Path(room, "film.mp4" if ffmpeg else "picture.png")
        command = [*browser, f"--user-data-dir={room}/profile", f"--force-device-scale-factor={scale}"]
        address = f"http://127.0.0.1:{server.server_address[1]}{found[1]}"
        if ffmpeg:
            made = filmed(ffmpeg, command, address, float(seconds), into)
        else:
            made = pictured(command, address, float(seconds), into)
        if not made:
            return 4
        with into.open("rb") as taken:
            shutil.copyfileobj(taken, sys.stdout.buffer)
        sys.stdout.buffer.flush()
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))

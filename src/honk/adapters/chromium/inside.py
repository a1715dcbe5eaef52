"""Runs inside a sandbox, on standard input of an interpreter: serves an app to one browser, and pictures a page.

Arguments: folder (or address of the app's own server), page, scale, seconds, what is outlined (JSON, or nothing), then
the browser and its options. Output: the picture; what the browser
says goes to standard error. Exit code 3: there was nothing to open; 4: no picture came.
"""

import http.client
import json
import shutil
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable
from functools import partial
from http.server import BaseHTTPRequestHandler, SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
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


def main(source: str, page: str, scale: str, seconds: str, outline: str, *browser: str) -> int:
    """Takes the picture."""
    found = handler(source, page, outline)
    if found is None:
        return 3
    server = ThreadingHTTPServer(("127.0.0.1", 0), found[0])
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as room:
        picture = Path(room, "picture.png")
        options = [f"--user-data-dir={room}/profile", f"--screenshot={picture}", f"--force-device-scale-factor={scale}"]
        address = f"http://127.0.0.1:{server.server_address[1]}{found[1]}"
        try:
            subprocess.run(
                [*browser, *options, address], stdout=subprocess.DEVNULL, timeout=float(seconds), check=False
            )
        except subprocess.TimeoutExpired:
            return 4
        if not picture.is_file():
            return 4
        with picture.open("rb") as taken:
            shutil.copyfileobj(taken, sys.stdout.buffer)
        sys.stdout.buffer.flush()
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))

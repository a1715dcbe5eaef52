"""Runs inside a sandbox, on standard input of an interpreter: serves a folder to one browser, and pictures a page.

Arguments: folder, page, scale, seconds, then the browser and its options. Output: the picture; what the browser
says goes to standard error. Exit code 3: there was nothing to open; 4: no picture came.
"""

import shutil
import subprocess
import sys
import tempfile
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import quote, unquote, urlsplit

POLICY = "sandbox allow-scripts allow-forms allow-modals allow-popups allow-downloads"


class Handler(SimpleHTTPRequestHandler):
    """As previews are served: without rights of its own, so that the picture shows what people will see."""

    extensions_map = SimpleHTTPRequestHandler.extensions_map | {
        ".js": "text/javascript",
        ".mjs": "text/javascript",
        ".webmanifest": "application/manifest+json",
        ".wasm": "application/wasm",
    }

    def end_headers(self) -> None:
        """With what takes a page's rights away."""
        self.send_header("Content-Security-Policy", POLICY)
        self.send_header("Access-Control-Allow-Origin", "*")
        super().end_headers()

    def log_message(self, format: str, *args: object) -> None:
        """Nobody reads the requests."""


def opened(folder: Path, page: str) -> str | None:
    """The page below the root, where it is there; of a build that is one file, that file."""
    wanted = folder / unquote(urlsplit(page).path).lstrip("/")
    if wanted.is_file() or (wanted / "index.html").is_file():
        return page.lstrip("/")
    pages = sorted(folder.glob("*.htm*"))
    return quote(pages[0].name) if not page and len(pages) == 1 else None


def main(folder: str, page: str, scale: str, seconds: str, *browser: str) -> int:
    """Takes the picture."""
    first = opened(Path(folder), page)
    if first is None:
        return 3
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Handler, directory=str(Path(folder).parent)))
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as room:
        picture = Path(room, "picture.png")
        options = [f"--user-data-dir={room}/profile", f"--screenshot={picture}", f"--force-device-scale-factor={scale}"]
        address = f"http://127.0.0.1:{server.server_address[1]}/{Path(folder).name}/{first}"
        try:
            subprocess.run(
                [*browser, *options, address], stdout=subprocess.DEVNULL, timeout=float(seconds), check=False
            )
        except subprocess.TimeoutExpired:
            return 4
        if not picture.is_file():
            return 4
        with picture.open("rb") as source:
            shutil.copyfileobj(source, sys.stdout.buffer)
        sys.stdout.buffer.flush()
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))

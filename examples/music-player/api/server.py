"""HTTP: the API below /api/, and the built web app everywhere else."""

import json
import logging
import mimetypes
from dataclasses import asdict
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, unquote, urlsplit

from api import VERSION
from api.catalogue import Catalogue
from api.summary import summarise

log = logging.getLogger("overtone")
mimetypes.add_type("application/manifest+json", ".webmanifest")
mimetypes.add_type("text/javascript", ".js")


class NotFound(Exception):
    """There is nothing at this address."""


class Api:
    """Answers the addresses below /api/ with plain values."""

    def __init__(self, catalogue: Catalogue) -> None:
        self.catalogue = catalogue

    def answer(self, path: str, query: str) -> object:
        """The value at a path such as "/api/playlists". Raises NotFound."""
        match path.strip("/").split("/"):
            case ["api", "health"]:
                return {"ok": True, "version": VERSION}
            case ["api", "tracks"]:
                words = parse_qs(query).get("q", [""])[0]
                return [asdict(track) for track in self.catalogue.search(words)]
            case ["api", "playlists"]:
                return [asdict(playlist) for playlist in self.catalogue.playlists.values()]
            case ["api", "playlists", id] if id in self.catalogue.playlists:
                playlist = self.catalogue.playlists[id]
                return asdict(playlist) | {"summary": summarise(playlist, self.catalogue)}
        raise NotFound(path)


def make_handler(api: Api, root: Path) -> type[BaseHTTPRequestHandler]:
    """A handler that serves the API and the files below `root`."""

    class Handler(BaseHTTPRequestHandler):
        server_version = "Overtone"

        def do_GET(self) -> None:
            self._serve()

        def do_HEAD(self) -> None:
            self._serve()

        def _serve(self) -> None:
            address = urlsplit(self.path)
            path = unquote(address.path)
            try:
                if path.startswith("/api/"):
                    self._send_json(HTTPStatus.OK, api.answer(path, address.query))
                else:
                    self._send_file(path)
            except NotFound:
                self._send_json(HTTPStatus.NOT_FOUND, {"error": "not found"})
            except Exception:
                log.exception("cannot answer %s", path)
                self._send_json(HTTPStatus.INTERNAL_SERVER_ERROR, {"error": "internal error"})

        def _send_file(self, path: str) -> None:
            file = (root / path.lstrip("/")).resolve()
            if file.is_dir():
                file = file / "index.html"
            if not file.is_relative_to(root.resolve()) or not file.is_file():
                raise NotFound(path)
            kind = mimetypes.guess_type(file.name)[0] or "application/octet-stream"
            self._send(HTTPStatus.OK, kind, file.read_bytes())

        def _send_json(self, status: HTTPStatus, value: object) -> None:
            self._send(status, "application/json", json.dumps(value).encode())

        def _send(self, status: HTTPStatus, kind: str, body: bytes) -> None:
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.send_header("Cache-Control", "no-cache")
            self.send_header("X-Content-Type-Options", "nosniff")
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            log.info(format, *args)

    return Handler


def serve(catalogue: Catalogue, root: Path, host: str, port: int) -> ThreadingHTTPServer:
    """A server that is bound and not yet running; port 0 takes a free one."""
    return ThreadingHTTPServer((host, port), make_handler(Api(catalogue), root))

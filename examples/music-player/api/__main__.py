"""python3 -m api [--host HOST] [--port PORT] [--root FOLDER]"""

import argparse
import logging
from pathlib import Path

from api.catalogue import load
from api.server import serve


def main() -> None:
    parser = argparse.ArgumentParser(prog="python3 -m api", description="Serves Overtone.")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8000)
    parser.add_argument("--root", type=Path, default=Path("dist"), help="the built web app (default: dist)")
    options = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    server = serve(load(), options.root, options.host, options.port)
    logging.info("Overtone is at http://%s:%d/", *server.server_address[:2])
    try:
        server.serve_forever()
    except KeyboardInterrupt:
        server.server_close()


if __name__ == "__main__":
    main()

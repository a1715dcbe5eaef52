"""Runs `honk demo` in a terminal, presses Enter where it asks, and draws what it says: docs/demo.svg.

`.venv/bin/python docs/record_demo.py`. The secret parts of addresses are shortened; nothing is added.
"""

import fcntl
import io
import os
import pty
import re
import struct
import subprocess
import sys
import tempfile
import termios
from pathlib import Path

from rich.console import Console
from rich.terminal_theme import TerminalTheme
from rich.text import Text

HERE = Path(__file__).resolve().parent
_COLUMNS = 100
_THEME = TerminalTheme(
    (15, 13, 22),
    (236, 232, 225),
    [
        *((38, 34, 51), (255, 107, 107), (112, 214, 142), (255, 201, 107)),
        *((110, 168, 254), (199, 146, 234), (120, 220, 232), (236, 232, 225)),
    ],
)
_SPINNER = re.compile(r"^[⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏] ")
_FRAME = re.compile(r"\x1b\[2K|\r")
_CURSOR = re.compile(r"\x1b\[\??\d*[A-GJKhl]")
#: of an address: what is the same for everybody is kept
_SECRET = re.compile(r"(127\.0\.0\.1):\d+(/(?:preview|live))/\w{20}/")
_PROMPT, _PRESENT = b"\x1b[1m> \x1b[0m", 2


def record() -> str:
    """Everything that the demo writes to a terminal; at the first question Enter is pressed, at the second Ctrl-C."""
    master, terminal = pty.openpty()
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 60, _COLUMNS, 0, 0))
    written, keys = b"", [b"\n", b"\x03"]
    with tempfile.TemporaryDirectory() as home:
        own = os.environ.items()  # noqa: TID251 - no part of Honk, and no key may be in the picture
        environment = {name: value for name, value in own if not name.startswith("ANTHROPIC_")}
        environment |= {"HONK_HOME": home, "TERM": "xterm-256color"}
        argv = ["setsid", "--ctty", sys.executable, "-m", "honk", "demo"]
        with subprocess.Popen(argv, stdin=terminal, stdout=terminal, stderr=terminal, env=environment):
            os.close(terminal)
            while True:
                try:
                    piece = os.read(master, 1 << 16)
                except OSError:
                    break
                written += piece
                if keys and written.count(_PROMPT) == _PRESENT + 1 - len(keys):
                    os.write(master, keys.pop(0))
    return written.decode()


def lines(said: str) -> list[Text]:
    """What is left to read at the end, without the spinner."""
    kept: list[Text] = []
    for line in said.replace("\r\n", "\n").split("\n"):
        text = Text.from_ansi(_CURSOR.sub("", _FRAME.split(line)[-1]))
        text.rstrip()
        blank = not text.plain and (not kept or not kept[-1].plain)
        if blank or _SPINNER.match(text.plain) or text.plain in {">", "> ^C"}:
            continue
        for match in reversed(list(_SECRET.finditer(text.plain))):
            text = Text.assemble(text[: match.end(1)], text[match.start(2) : match.end(2)], "/…/", text[match.end() :])
        kept.append(text)
    return kept


def draw(shown: list[Text]) -> str:
    """The lines as a picture that needs no font from elsewhere."""
    console = Console(record=True, width=_COLUMNS, file=io.StringIO(), force_terminal=True, color_system="truecolor")
    console.print(Text("$ make demo", style="bold"))
    for line in shown:
        console.print(line, no_wrap=True)
    picture = console.export_svg(title="honk", theme=_THEME, font_aspect_ratio=0.61, unique_id="demo")
    picture = re.sub(r"@font-face \{.*?\}\s*", "", picture, flags=re.DOTALL)
    return picture.replace("Fira Code", "ui-monospace, SFMono-Regular, Menlo, Consolas, DejaVu Sans Mono")


if __name__ == "__main__":
    (HERE / "demo.svg").write_text(draw(lines(record())), encoding="utf-8")

"""Runs `honk demo` in a terminal and draws what it says: docs/demo.svg.

`.venv/bin/python docs/record_demo.py`. Addresses and long lines are shortened; nothing is added.
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
_COLUMNS = 108
_THEME = TerminalTheme(
    (15, 13, 22),
    (236, 232, 225),
    [
        *((38, 34, 51), (255, 107, 107), (112, 214, 142), (255, 201, 107)),
        *((110, 168, 254), (199, 146, 234), (120, 220, 232), (236, 232, 225)),
    ],
)
_SPINNER = re.compile(r"^\S? ?[⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏] task ")
_FRAME = re.compile(r"\x1b\[2K|\r")
_CURSOR = re.compile(r"\x1b\[\??\d*[A-GJKhl]")
#: several uses of these in a row become one line
_TOOL = re.compile(r"^· (?:Read|Edit) ")
_PLAIN = Console(file=io.StringIO(), width=400)
#: of an address: what is the same for everybody is kept
_SECRET = re.compile(r"(/(?:preview|live))/[\w.-]{12,}/?")


def record() -> str:
    """Everything that the demo writes to a terminal."""
    reader, writer = pty.openpty()
    fcntl.ioctl(writer, termios.TIOCSWINSZ, struct.pack("HHHH", 60, 400, 0, 0))
    written = b""
    with tempfile.TemporaryDirectory() as home:
        own = os.environ.items()  # noqa: TID251 - no part of Honk, and no key may be in the picture
        environment = {name: value for name, value in own if not name.startswith("ANTHROPIC_")}
        environment |= {"HONK_HOME": home, "TERM": "xterm-256color", "COLUMNS": "400"}
        argv = [str(Path(sys.executable).with_name("honk")), "demo"]
        with subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=writer, stderr=writer, env=environment):
            os.close(writer)
            while True:
                try:
                    piece = os.read(reader, 1 << 16)
                except OSError:
                    break
                written += piece
    return written.decode()


def lines(said: str) -> list[Text]:
    """What is left to read at the end, without the spinner, on lines that fit."""
    kept: list[Text] = []
    for line in said.replace("\r\n", "\n").split("\n"):
        text = Text.from_ansi(_CURSOR.sub("", _FRAME.split(line)[-1]))
        if _SPINNER.match(text.plain) or (not text.plain and kept and not kept[-1].plain):
            continue
        for match in reversed(list(_SECRET.finditer(text.plain))):
            text = Text.assemble(text[: match.end(1)], ("/…/", "dim"), text[match.end() :])
        if kept and (tool := _TOOL.match(text.plain)) and kept[-1].plain.startswith(tool[0]):
            kept[-1].append(f", {text.plain[tool.end() :]}", kept[-1].get_style_at_offset(_PLAIN, 0))
        else:
            kept.append(text)
    return [part for text in kept for part in _fitted(text)]


def _fitted(text: Text) -> list[Text]:
    """What the agent and Honk say in sentences is wrapped; the rest is cut."""
    if not text.get_style_at_offset(_PLAIN, 0).dim and "://" not in text.plain:
        return list(text.wrap(_PLAIN, _COLUMNS))
    text.truncate(_COLUMNS, overflow="ellipsis")
    return [text]


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

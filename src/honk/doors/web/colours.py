"""Which part of a line is keyword, text, comment: classes only, for a few well-known languages, in bounded time.

The text is a stranger's, and a lexer's expressions can be driven into very long searches: long lines are left
plain, and so is everything once the time is used up.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from pathlib import PurePosixPath
from typing import Any

from pygments.lexer import Lexer
from pygments.lexers import get_lexer_by_name
from pygments.token import Token

#: pieces of a line with their class, "" for plain ones; joined they are the line
Pieces = list[tuple[str, str]]

#: A line longer than this is left plain; so much text is coloured in one go: some lexers need time by the square of it.
_WIDTH, _TEXT = 300, 10_000
_LANGUAGES = {
    **dict.fromkeys(("py", "pyi", "pyw"), "python"),
    **dict.fromkeys(("js", "mjs", "cjs", "jsx"), "javascript"),
    **dict.fromkeys(("ts", "tsx", "mts", "cts"), "typescript"),
    **dict.fromkeys(("c", "h"), "c"),
    **dict.fromkeys(("cc", "cpp", "cxx", "hpp"), "cpp"),
    **dict.fromkeys(("kt", "kts"), "kotlin"),
    **dict.fromkeys(("sh", "bash"), "bash"),
    **dict.fromkeys(("yml", "yaml"), "yaml"),
    **dict.fromkeys(("html", "htm", "xml", "svg", "vue", "svelte"), "html"),
    **{one: one for one in ("go", "rust", "java", "swift", "ruby", "php", "csharp", "scala", "dart", "sql", "css")},
    **{one: one for one in ("scss", "less", "toml", "json", "ini", "lua", "perl", "elixir", "zig", "graphql")},
    **{"rs": "rust", "rb": "ruby", "cs": "csharp", "ex": "elixir", "exs": "elixir", "pl": "perl", "proto": "protobuf"},
    **{"m": "objective-c", "mm": "objective-c", "cfg": "ini", "gradle": "groovy", "md": "markdown"},
}
_NAMED = {"Dockerfile": "docker", "Makefile": "make", "Gemfile": "ruby", "Podfile": "ruby", "CMakeLists.txt": "cmake"}
_CLASSES = {
    Token.Comment: "c",
    Token.Keyword: "k",
    Token.Operator.Word: "k",
    Token.Literal.String: "s",
    Token.Literal.Number: "m",
    Token.Name.Function: "f",
    Token.Name.Class: "f",
    Token.Name.Builtin: "b",
    Token.Name.Decorator: "b",
    Token.Name.Tag: "k",
    Token.Name.Attribute: "b",
    Token.Generic.Heading: "k",
}


def language_of(path: str) -> str:
    """The language of a file by its name; "" for one that is left plain."""
    name = PurePosixPath(path).name
    return _NAMED.get(name) or _LANGUAGES.get(PurePosixPath(name).suffix[1:].lower(), "")


def coloured(
    language: str, lines: Sequence[str], until: float, clock: Callable[[], float] = time.thread_time
) -> list[Pieces]:
    """The lines in pieces. Once the thread has worked until then, what is left stays plain."""
    found: list[Pieces] = []
    for group in _groups(lines):
        plain: list[Pieces] = [[("", line)] for line in group]
        if not language or clock() >= until:
            found += plain
            continue
        # A lexer that lost a character, or did not come to the end, has no say about that line.
        found += [
            pieces if "".join(text for _, text in pieces) == line else kept
            for pieces, line, kept in zip(_lexed(language, group, until, clock), group, plain, strict=True)
        ]
    return found


def _groups(lines: Sequence[str]) -> Iterator[Sequence[str]]:
    start, room = 0, _TEXT
    for at, line in enumerate(lines):
        room -= min(len(line), _WIDTH) + 1
        if room < 0:
            yield lines[start:at]
            start, room = at, _TEXT
    yield lines[start:]


def _lexed(language: str, lines: Sequence[str], until: float, clock: Callable[[], float]) -> list[Pieces]:
    text = "".join(f"{line if len(line) <= _WIDTH else ''}\n" for line in lines)
    found: list[Pieces] = [[]]
    for number, (_, kind, value) in enumerate(_lexer(language).get_tokens_unprocessed(text)):
        if number % 64 == 0 and clock() >= until:
            break
        css = _class(kind)
        first, *others = value.split("\n")
        _add(found[-1], css, first)
        for one in others:
            found.append([])
            _add(found[-1], css, one)
    return (found + [[] for _ in lines])[: len(lines)]


def _add(pieces: Pieces, css: str, text: str) -> None:
    if not text:
        return
    if pieces and pieces[-1][0] == css:
        pieces[-1] = (css, pieces[-1][1] + text)
    else:
        pieces.append((css, text))


@cache
def _lexer(language: str) -> Lexer:
    return get_lexer_by_name(language, stripnl=False, ensurenl=False)


@cache
def _class(kind: Any) -> str:
    """The class of the nearest kind of token, upwards, that has one."""
    while kind is not None and kind not in _CLASSES:
        kind = kind.parent
    return _CLASSES.get(kind, "")

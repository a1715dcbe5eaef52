"""What a path says about its file: test, documentation, code, snapshot."""

import re
from pathlib import PurePosixPath

_TEST_FOLDERS = frozenset({"test", "tests", "__tests__", "spec", "specs", "e2e", "__snapshots__"})
_TEST_NAME = re.compile(
    r"^(test_.*|.*_test|tests?|conftest)\.py$"
    r"|^.*[.\-_](test|spec|tests)\.(js|jsx|ts|tsx|mjs|cjs|mts|cts|vue|svelte)$"
    r"|^(test|spec|tests)\.(js|jsx|ts|tsx|mjs|cjs|mts|cts)$|^test[-_].*\.(js|mjs|cjs|ts)$"
    r"|^.*_test\.(go|rb|exs?|c|cc|cpp|dart)$|^.*(Test|Tests|Spec|IT)\.(java|kt|scala|cs|swift|php|groovy)$|^.*_spec\.rb$"
)
_SNAPSHOT = re.compile(r"(^|/)__snapshots__/|\.(snap|ambr|snapshot)$")
_DOCS = frozenset({".md", ".rst", ".txt", ".adoc", ".markdown", ".png", ".jpg", ".jpeg", ".gif", ".svg", ".pdf", ".po"})
_DOC_NAMES = re.compile(
    r"^(LICENSE|LICENCE|NOTICE|AUTHORS|CHANGELOG|CHANGES|README|CONTRIBUTING|CODEOWNERS)", re.IGNORECASE
)
_PYTHON_TEST = re.compile(r"^(test_.*|.*_test|tests?)\.py$")
_CODE_SUFFIX = re.compile(
    r"\.(py|pyx|pxd|pyi|[cm]?jsx?|[cm]?tsx?|vue|svelte|go|rs|c|h|cc|cpp|cxx|hpp|java|kts?|scala|swift|mm?|rb|php|cs|fs|exs?"
    r"|erl|hs|ml|clj|dart|lua|pl|r|jl|sh|bash|sql|html|css|scss|less|proto|graphql|zig|nim)$",
    re.IGNORECASE,
)


def is_test(path: str) -> bool:
    """A test, or something that only tests use (data, helpers and snapshots in a folder of tests)."""
    parts = PurePosixPath(path).parts
    return bool(_TEST_NAME.match(parts[-1])) or any(part.lower() in _TEST_FOLDERS for part in parts[:-1])


def is_test_file(path: str) -> bool:
    """A file that a test runner collects by its name."""
    name = PurePosixPath(path).name
    if path.endswith(".py"):
        return bool(_PYTHON_TEST.match(name))
    return bool(_TEST_NAME.match(name)) or (
        is_javascript(path) and any(part in {"__tests__", "test", "tests"} for part in PurePosixPath(path).parts[:-1])
    )


def is_javascript(path: str) -> bool:
    return PurePosixPath(path).suffix in {
        ".js",
        ".jsx",
        ".ts",
        ".tsx",
        ".mjs",
        ".cjs",
        ".mts",
        ".cts",
        ".vue",
        ".svelte",
    }


def is_snapshot(path: str) -> bool:
    return bool(_SNAPSHOT.search(path))


def is_docs(path: str) -> bool:
    pure = PurePosixPath(path)
    return pure.suffix.lower() in _DOCS or bool(_DOC_NAMES.match(pure.name)) or pure.parts[0] in {"docs", "doc"}


def is_code(path: str) -> bool:
    """Source that runs in production, as far as a name tells."""
    return bool(_CODE_SUFFIX.search(path)) and not is_test(path) and not is_docs(path)


def shown(path: str) -> str:
    """The path as it may be shown: bytes that are not UTF-8 and control characters made visible."""
    text = path.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
    return "".join(character if character.isprintable() else repr(character)[1:-1] for character in text)

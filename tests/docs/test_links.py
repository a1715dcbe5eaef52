"""No dead links, and every file, target and command that the documentation names is there."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "examples").rglob("*.md")])
_LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")
_FENCE = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)
_CODE = re.compile(r"`([^`\n]+)`")
_PATH = re.compile(r"^(?:src|tests|docs|examples|scripts|bench|deploy)/[\w./-]*$")


def text(page: Path) -> str:
    """The page without its blocks of code."""
    return _FENCE.sub("", page.read_text(encoding="utf-8"))


def anchors(page: Path) -> set[str]:
    """The names of its headings, as forges make them."""
    headings = re.findall(r"^#+ (.+)$", text(page), re.MULTILINE)
    kept = (re.sub(r"[^\w\- ]", "", heading.replace("`", "").lower()) for heading in headings)
    return {heading.strip().replace(" ", "-") for heading in kept}


def name(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_links_lead_somewhere(page: Path) -> None:
    for link in _LINK.findall(text(page)):
        if re.match(r"^(https?|mailto):", link):
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        assert target.exists(), f"{name(page)}: {link}"
        if anchor and target.suffix == ".md":
            assert anchor in anchors(target), f"{name(page)}: {link}"


@pytest.mark.parametrize("page", [page for page in PAGES if "examples" not in page.parts], ids=name)
def test_files_that_are_named_exist(page: Path) -> None:
    for code in _CODE.findall(text(page)):
        if _PATH.match(code):
            assert (ROOT / code).exists(), f"{name(page)} names {code}"


def targets() -> set[str]:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    return set(re.findall(r"^([a-z0-9-]+):", makefile, re.MULTILINE))


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_make_targets_that_are_named_exist(page: Path) -> None:
    if "examples" in page.parts:
        return
    whole = page.read_text(encoding="utf-8")
    named = {*re.findall(r"`make ([a-z0-9-]+)", whole), *re.findall(r"^    make ([a-z0-9-]+)", whole, re.MULTILINE)}
    foreign = {"test", "lint", "check"} if page.name == "verify-commands.md" else set()
    assert named - foreign <= targets(), name(page)


def test_agents_md_is_short_and_true() -> None:
    page = (ROOT / "AGENTS.md").read_text(encoding="utf-8")
    assert len(page.splitlines()) <= 80
    for path in paths_in(page):
        assert (ROOT / path).exists(), path
    assert len(re.findall(r"^\d+\. ", page, re.MULTILINE)) == 10


def paths_in(page: str) -> Iterator[str]:
    """What stands in backticks and looks like a file or a folder, but not what is only built."""
    for code in _CODE.findall(page):
        if re.match(r"^[\w./-]+(/|\.md|\.py)$", code) and code != "dist/":
            yield code


def test_every_page_of_the_documentation_can_be_reached() -> None:
    waiting = [ROOT / "docs" / "README.md"]
    seen: set[Path] = set()
    while waiting:
        page = waiting.pop()
        if page in seen or page.suffix != ".md" or not page.is_file():
            continue
        seen.add(page)
        waiting += [(page.parent / link.partition("#")[0]).resolve() for link in _LINK.findall(text(page))]
    lost = [name(page) for page in PAGES if page.is_relative_to(ROOT / "docs") and page not in seen]
    assert [page for page in lost if "decisions" not in page] == []

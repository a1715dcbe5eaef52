"""The files of a change in the order in which a person with one minute should look at them.

By name and numbers only: it says where to look first, never that a file is safe.
"""

import re
from collections.abc import Iterable
from dataclasses import replace
from pathlib import PurePosixPath

from honk.checks import definitions, node, paths, python
from honk.domain.repository import Compared, FileChange
from honk.views.merging import ChangedFile, Risk

_ORDER = {risk: number for number, risk in enumerate(Risk)}
_INSTALLED = re.compile(
    r"(^|/)(Cargo\.(toml|lock)|go\.(mod|sum|work)|Gemfile(\.lock)?|composer\.(json|lock)|pubspec\.(yaml|lock)|mix\.(exs|lock)"
    r"|bun\.lockb?|deno\.(jsonc?|lock)|Package\.(swift|resolved)|Podfile(\.lock)?|pom\.xml|gradle\.properties|.*\.csproj"
    r"|environment\.ya?ml|flake\.(nix|lock)|\.gitmodules|pip\.conf|\.python-version|\.nvmrc|\.tool-versions)$"
)
_BUILT = re.compile(
    r"(^|/)((Docker|Container)file[\w.-]*|[\w.-]*\.(docker|container)file|\.dockerignore|(docker-)?compose[\w.-]*\.ya?ml"
    r"|(build|settings)\.gradle(\.kts)?|gradlew(\.bat)?|CMakeLists\.txt|configure(\.ac)?|meson\.build|BUILD(\.bazel)?|WORKSPACE"
    r"|(webpack|rollup|esbuild|vite|next|nuxt|svelte|metro|postcss|tailwind)[\w.-]*\.config\.\w+|Procfile|[\w.-]+\.service"
    r"|\.gitattributes|\.npmignore|MANIFEST\.in|CODEOWNERS|\.envrc|\.env[\w.-]*|[\w.-]+\.tf)$"
    r"|^(\.github|\.husky|\.githooks|deploy|deployment|infra|k8s|helm|charts|terraform|ansible|bin|scripts?|tools)/"
)


def files_by_risk(changes: Iterable[FileChange]) -> tuple[ChangedFile, ...]:
    """All of them: first what the gate runs or reads, then what is gone, then code by size; documentation last."""
    return tuple(sorted((_classified(one) for one in changes), key=_place))


def compared_by_risk(files: Iterable[Compared]) -> tuple[tuple[Compared, ChangedFile], ...]:
    """The same order; what was moved is as risky as what it is now, or as what is gone where it was."""
    return tuple(sorted(((one, _moved(one)) for one in files), key=lambda pair: _place(pair[1])))


def _place(one: ChangedFile) -> tuple[int, int, str]:
    return _ORDER[one.risk], -(one.insertions + one.deletions), one.path


def _moved(one: Compared) -> ChangedFile:
    here = _classified(one.change)
    if not one.was:
        return here
    risk, why = _risk(replace(one.change, path=one.was, status="D", insertions=0, deletions=0))
    if _ORDER[risk] >= _ORDER[here.risk] or (risk is Risk.DELETED and _same_kind(one)):
        return here
    return replace(here, risk=risk, why=f"{here.why}; where it was: {why}")


def _same_kind(one: Compared) -> bool:
    """Whether it is to its new name what it was to its old one: nothing is gone."""
    kinds = (paths.is_test, paths.is_code, paths.is_docs)
    return all(kind(one.was) == kind(one.change.path) for kind in kinds)


def _classified(one: FileChange) -> ChangedFile:
    risk, why = _risk(one)
    return ChangedFile(
        path=paths.shown(one.path),
        risk=risk,
        insertions=one.insertions,
        deletions=one.deletions,
        binary=one.binary,
        why=why + _mode(one),
    )


def _risk(one: FileChange) -> tuple[Risk, str]:
    path, test = one.path, paths.is_test(one.path)
    if gate := _gate(path):
        return Risk.GATE, gate if one.status != "D" else f"deleted: it {gate}"
    if one.status == "D":
        if paths.is_docs(path) and not test:
            return Risk.DOCS, "documentation, deleted"
        return Risk.DELETED, "deleted test" if test else "deleted code" if paths.is_code(path) else "deleted"
    if test:
        if one.deletions > one.insertions:
            return Risk.DELETED, f"a test that lost {_lines(one.deletions - one.insertions)}"
        return Risk.TESTS, "new test" if one.status == "A" else "test"
    if paths.is_docs(path):
        return Risk.DOCS, "documentation or picture"
    if paths.is_code(path):
        return Risk.SOURCE, "new code" if one.status == "A" else "code"
    return Risk.OTHER, "neither code nor documentation by its name"


def _gate(path: str) -> str:
    """What the file decides; "" for most."""
    if definitions.decides(path):
        return "decides what is verified"
    if python.is_manifest(path) or node.is_manifest(path) or _INSTALLED.search(path):
        return "decides what is installed"
    named = PurePosixPath(path).name.lower().endswith(".md")
    return "builds, deploys or runs beside the app" if _BUILT.search(path) and not named else ""


def _mode(one: FileChange) -> str:
    """What its mode says that its name does not."""
    if one.new_mode == one.old_mode or one.status == "D":
        return ""
    return {"120000": "; a link", "100755": "; executable", "160000": "; a submodule"}.get(one.new_mode, "")


def _lines(number: int) -> str:
    return "1 line" if number == 1 else f"{number} lines"

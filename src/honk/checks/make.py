"""Make: the targets `test` or `check`, where no other toolchain brings a test of its own."""

import re

from honk.checks.plan import Verifier
from honk.checks.tree import Tree
from honk.domain.verdict import Kind

_FILES = ("GNUmakefile", "makefile", "Makefile")


async def detect(tree: Tree) -> list[Verifier]:
    name = next((one for one in _FILES if one in tree), None)
    if name is None:
        return []
    text = await tree.text(name) or ""
    for target in ("test", "check", "tests"):
        if re.search(rf"^{target}\s*::?(?!=)", text, re.MULTILINE):
            argv = ("make", "--no-print-directory", target)
            return [Verifier(name=f"make {target}", kind=Kind.TEST, argv=argv, definition=(name,))]
    return []

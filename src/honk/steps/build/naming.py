"""What a web build calls itself, read inside, like everything of that tree."""

from honk.domain.app_name import MANIFESTS, PACKAGE, PAGE, PROJECT, called
from honk.domain.repository import Sha
from honk.ports import Sandbox

#: The beginning of each of the files, each with a zero character behind it, whether it is there or not.
_READ = """
for file in "$0" "$@"; do
    if [ -f "$file" ]; then head -c 65536 "$file" | tr -d '\\000'; fi
    printf '\\000'
done
"""


async def name_of(sandbox: Sandbox, output: str, commit: Sha) -> tuple[str, str]:
    """Name and version; what cannot be read says nothing."""
    built = tuple(f"{output}/{name}" for name in (*MANIFESTS, PAGE))
    ran = await sandbox.run(("sh", "-c", _READ, *built, PACKAGE, PROJECT), seconds=30)
    contents = ran.stdout.split(b"\0") if ran.exit_code == 0 and not ran.cut else []
    return called(dict(zip((*MANIFESTS, PAGE, PACKAGE, PROJECT), contents, strict=False)), commit)

"""Write the locks anew: what is installed beside reviewbot in CI, each version with its digests.

`requirements.lock` has all that reviewbot needs to run. What builds it stands in the component for
GitLab itself: it is needed before reviewbot, and with it its lock, is there.
"""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).parent.parent
LOCK = ROOT / "requirements.lock"
TEMPLATE = ROOT / "templates" / "reviewbot.yml"

_BUILDERS = re.compile(
    r"(?P<indent> *)cat > builders\.lock <<'END'\n(?P<lines>.*?)(?= *END\n)", re.DOTALL
)
# A bad release is mostly found within days: it has to be this old before it is taken.
_OPTIONS = (
    *("--upgrade", "--exclude-newer=7 days", "--universal", "--python-version=3.11"),
    *("--generate-hashes", "--only-binary=:all:", "--custom-compile-command=make lock", "--quiet"),
)


def main() -> None:
    """Ask the package index, and write both locks."""
    LOCK.write_text(_compiled("pyproject.toml"), "utf-8")
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    builders = _compiled(
        *("--no-header", "--no-annotate", f"--constraints={LOCK}", "-"),
        requirements="\n".join(project["build-system"]["requires"]),
    )
    TEMPLATE.write_text(with_builders(TEMPLATE.read_text("utf-8"), builders), "utf-8")


def with_builders(template: str, lines: str) -> str:
    """The component with these lines as the lock of what builds reviewbot."""
    found = _BUILDERS.search(template)
    assert found, "the component has no room for what builds reviewbot"
    indented = re.sub("^(?=.)", found["indent"], lines, flags=re.MULTILINE)
    return template[: found.start("lines")] + indented + template[found.end("lines") :]


def builders(template: str) -> str:
    """What `with_builders` has put into the component."""
    found = _BUILDERS.search(template)
    assert found, "the component has no lock of what builds reviewbot"
    return re.sub(f"^{found['indent']}", "", found["lines"], flags=re.MULTILINE)


def _compiled(*arguments: str, requirements: str = "") -> str:
    """A lock, as uv makes it from what the arguments name or from these requirements."""
    command = [sys.executable, "-m", "uv", "pip", "compile", *_OPTIONS, *arguments]
    done = subprocess.run(
        command, cwd=ROOT, input=requirements, stdout=subprocess.PIPE, text=True, check=True
    )
    return done.stdout


if __name__ == "__main__":
    main()

"""Pages of the audits of data sets, from what was written about each: `audit_pages`.

The body of a page is the `page.md` that the audit left in its folder; here it gets a title, a
banner where the code has changed since, and the facts of where it comes from.
"""

import re
from pathlib import Path
from typing import Any

from testiculus.base.code import code_fingerprint
from testiculus.base.files import read_json
from testiculus.execute.audit_run import AUDIT
from testiculus.execute.found import is_shared
from testiculus.execute.words import price

EXPECTED_AUDITS = ("phantom", "liver", "nerve")  # the pages that the book always has
BODY = "page.md"
_ANY_PROFILE = "demo"  # an audit has no profile: what decides is the data set's name


def audit_pages(root: Path, own: bool = False) -> dict[str, str]:
    """Return the audits' pages by their names below `book/generated/`.

    A set of `EXPECTED_AUDITS` without an audit has a page that says so; audits of other public
    sets, and with `own` those of a person's own, are below `runs/`.
    """
    pages = {f"audit_{data}.md": _missing(data) for data in EXPECTED_AUDITS}
    for file in sorted((root / "results").glob(f"*/{AUDIT}/audit.json")):
        data = file.parent.parent.name
        if (file.parent / BODY).is_file() and (own or is_shared(data, _ANY_PROFILE)):
            name = f"audit_{data}.md" if data in EXPECTED_AUDITS else f"runs/audit_{data}.md"
            pages[name] = _page(file.parent, data, root)
    return pages


def _command(data: str) -> str:
    return "make audit" + ("" if data == "phantom" else f" DATA=imported/{data}/manifest.csv")


def _missing(data: str) -> str:
    return (
        f"# Audit of the data ({data})\n\n"
        ":::{admonition} Not run\n:class: warning\n"
        "This set has not been audited here. To do it:\n\n"
        f"```bash\n{_command(data)}\n```\nand build the book again.\n:::\n"
    )


def _page(folder: Path, data: str, root: Path) -> str:
    about, body = read_json(folder / "audit.json"), (folder / BODY).read_text(encoding="utf-8")
    where = "/" + folder.relative_to(root).as_posix()
    body = re.sub(r"\]\(([\w-]+\.svg)\)", rf"]({where}/\1)", body)
    parts = [f"# Audit of the data ({data})"]
    if is_stale(about):
        parts.append(
            ":::{admonition} Stale\n:class: danger\nThe code of the audits has changed since. To "
            f"renew them: `{_command(data)}`.\n:::"
        )
    return "\n\n".join([*parts, body.strip(), _footer(about, folder, where, data)]) + "\n"


def is_stale(about: dict[str, Any]) -> bool:
    """Return whether the code that makes audits is another than that of a record."""
    try:
        return about["code_fingerprint"] != code_fingerprint(about["code_module"])
    except (KeyError, ModuleNotFoundError):
        return True


def _footer(about: dict[str, Any], folder: Path, where: str, data: str) -> str:
    files = [path.name for path in sorted(folder.glob("*.csv"))] + ["audit.json"]
    changed = " and uncommitted changes" if about.get("dirty") else ""
    commit = f"`{about['commit'][:12]}`{changed}" if about.get("commit") else "unknown"
    rows = {
        "command": f"`{_command(data)}`",
        "commit": commit,
        "finished": about.get("finished", "unknown"),
        "data": f"{about['data']}, fingerprint `{str(about['data_fingerprint'])[:12]}` "
        f"(at {about['pixels']} px)",
        "licence": about.get("licence") or "not stated",
        "source": about.get("source") or "not stated",
        "machine": f"{about.get('cpus', '?')} CPUs ({about.get('cpu') or 'unknown'})",
        "versions": ", ".join(f"{k} {v}" for k, v in about.get("versions", {}).items()),
        "price": price(about),
        "files": ", ".join(f"{{download}}`{name} <{where}/{name}>`" for name in files),
    }
    lines = [f"| {name} | {value} |" for name, value in rows.items()]
    return "\n".join(["## Where this page comes from", "", "| | |", "|---|---|", *lines])

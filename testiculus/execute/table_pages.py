"""The book's pages of results: an executed notebook with its provenance, or "not run".

Above the notebook of a table that has run in several profiles stand these in tabs, below it its
negative controls; where it comes from, its price and its files end every page.
"""

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from testiculus.execute.found import EXPECTED, Result, page_name
from testiculus.execute.negative_controls import beside
from testiculus.execute.profile_tabs import of_profiles, tabs

TITLES = {
    "table1": "Table 1: noisy labels",
    "table2": "Table 2: pretraining sources",
    "fig4": "Fig. 4: generation and filtering",
    "table3": "Table 3: synthetic pretraining",
    "table4": "Table 4: weight of the organ loss",
    "fig5": "Fig. 5: markers and attention",
    "peers": "Peers for label noise",
    "audits": "Audits of the protocol",
    "controls": "Negative controls",
}


def title(experiment: str, data: str, profile: str) -> str:
    """Return a page's title.

    >>> title("table1", "phantom", "demo")
    'Table 1: noisy labels (phantom, demo)'
    """
    return f"{TITLES.get(experiment, experiment)} ({data}, {profile})"


# What experiments that pretrain an encoder take beside DATA: images of other organs.
PRETRAINING = ("table2", "fig4", "table3", "table4")
UNLABELLED = {"liver": ("lung", "nerve")}


def command(experiment: str, data: str, profile: str) -> str:
    """Return what to type for a result.

    >>> command("table2", "liver", "demo").partition(" UNLABELLED=")[2]
    'imported/lung/manifest.csv,imported/nerve/manifest.csv'
    """
    words = ["make", f"reproduce-{experiment}", f"PROFILE={profile}"]
    if data != "phantom":
        words.append(f"DATA={_manifest(data)}")
        if experiment in PRETRAINING:
            others = UNLABELLED.get(data, ("other-organs",))
            words.append(f"UNLABELLED={','.join(map(_manifest, others))}")
    return " ".join(words)


OWN_VARIABLES = (
    "VARIANT",
    "SEEDS",
    "SYNTHETIC",
    "EXCLUDE_TEST",
)  # of make; others go into P
IN_THE_COMMAND = ("PROFILE", "DATA", "UNLABELLED", "DEVICE")  # there already, or the machine's


def command_of(result: Result) -> str:
    """Return what to type for a result as it was made, its own parameters included."""
    given = result.provenance.get("parameters", {})
    more = {name: _value(value) for name, value in given.items() if name not in IN_THE_COMMAND}
    words = [f"{name}={more.pop(name)}" for name in OWN_VARIABLES if name in more]
    if more:
        words.append('P="' + " ".join(f"{n.lower()}={value}" for n, value in more.items()) + '"')
    return " ".join([command(result.experiment, result.data, result.profile), *words])


def _value(value: object) -> str:
    if isinstance(value, bool):
        return str(int(value))
    return ",".join(map(str, value)) if isinstance(value, list) else str(value)


def _manifest(data: str) -> str:
    return f"imported/{data}/manifest.csv"


def missing_page(experiment: str, data: str, profile: str, found: Sequence[Result] = ()) -> str:
    """Return the page of a result that is not there; other profiles' are in its tabs."""
    others = profiles_of(experiment, data, profile, found)
    return (
        f"# {title(experiment, data, profile)}\n\n{others}"
        ":::{admonition} Not run\n:class: warning\n"
        "There are no results of this run here, so there is nothing to show. To make them:\n\n"
        f"```bash\n{command(experiment, data, profile)}\n```\n"
        "and build the book again.\n:::\n"
    )


def notebook_page(result: Result, root: Path, found: Sequence[Result] = ()) -> str:
    """Return a result's executed notebook as a page: title, banner if stale, provenance.

    `found` are all results: those of other profiles go into tabs above the notebook, those of the
    negative controls and of the audits below it.
    """
    notebook = json.loads(result.notebook.read_text(encoding="utf-8"))
    cells = notebook["cells"]
    _retitle(cells, title(result.experiment, result.data, result.profile))
    above = {
        "stale": stale_banner(result) if result.is_stale else "",
        "about": about_line(result, root),
        "profiles": profiles_of(result.experiment, result.data, result.profile, found),
    }
    cells[1:1] = [_markdown(name, text) for name, text in above.items() if text]
    below = {"controls": beside(result, found), "provenance": footer(result, root)}
    cells += [_markdown(name, text) for name, text in below.items() if text]
    return json.dumps(notebook, indent=1, ensure_ascii=False, sort_keys=True) + "\n"


def profiles_of(experiment: str, data: str, profile: str, found: Sequence[Result]) -> str:
    """Return the tabs of a table's page; "" on other pages, and where one profile has run."""
    if (experiment, data, profile) not in EXPECTED:
        return ""
    return tabs(of_profiles(found, experiment, data), profile)


def _retitle(cells: list[dict[str, Any]], text: str) -> None:
    first = "".join(cells[0]["source"]) if cells and cells[0]["cell_type"] == "markdown" else ""
    if not first.startswith("# "):
        cells.insert(0, _markdown("title", f"# {text}"))
        return
    rest = first.partition("\n")[2]
    cells[0]["source"] = f"# {text}\n{rest}".rstrip()


def _markdown(name: str, source: str) -> dict[str, Any]:
    return {"cell_type": "markdown", "id": f"page-{name}", "metadata": {}, "source": source}


def about_line(result: Result, root: Path) -> str:
    """Return the line below a page's title: what the page is, and what to download."""
    where = "/" + result.notebook.relative_to(root).as_posix()
    return (
        f"*This page is an executed notebook ({{download}}`download it <{where}>`). "
        "[](/book/reading.md) explains its columns and verdicts.*"
    )


def stale_banner(result: Result) -> str:
    """Return the banner of results that are older than the code that makes them."""
    again = command_of(result)
    return (
        ":::{admonition} Stale\n:class: danger\n"
        "The code that makes these results, its notebook, its profiles or the paper's figures have "
        "changed since they were made. They may differ from what it would give now. To renew "
        f"them: `{again}`.\n:::"
    )


def footer(result: Result, root: Path) -> str:
    """Return where a page's numbers come from, what they cost, and what to download."""
    record = result.provenance
    where = "/" + result.folder.relative_to(root).as_posix()
    names = [f"{result.experiment}.ipynb", "results.csv", "verdicts.csv", "provenance.json"]
    files = [f"{{download}}`{n} <{where}/{n}>`" for n in names if (result.folder / n).is_file()]
    rows = {
        "command": f"`{command_of(result)}`",
        "commit": _commit(record),
        "finished": record.get("finished", "unknown"),
        "data": _data(record),
        "licence": record.get("licence") or "not stated",
        "machine": _machine(record),
        "versions": ", ".join(f"{k} {v}" for k, v in record.get("versions", {}).items()),
        "price": result.price(),
        "files": ", ".join(files),
    }
    lines = [f"| {name} | {value} |" for name, value in rows.items()]
    return "\n".join(["## Where this page comes from", "", "| | |", "|---|---|", *lines])


def _commit(record: dict[str, Any]) -> str:
    if not record.get("commit"):
        return "unknown"
    changed = " and uncommitted changes" if record.get("dirty") else ""
    return f"`{record['commit'][:12]}`{changed}"


def _machine(record: dict[str, Any]) -> str:
    cpus = f"{record.get('cpus', '?')} CPUs" + (f" ({record['cpu']})" if record.get("cpu") else "")
    return f"{record.get('device', '?')}, {cpus}, {record.get('system', '?')}"


def _data(record: dict[str, Any]) -> str:
    return f"{record.get('data', '?')}, fingerprint `{str(record.get('data_fingerprint'))[:12]}`"


def status_table(found: Iterable[Result]) -> str:
    """Return what has been run and what it showed, one line per expected page."""
    by_page = {result.page: result for result in found}
    lines = ["| page | state | verdicts | price |", "|---|---|---|---|"]
    for what in EXPECTED:
        name = page_name(*what)
        link = f"[{title(*what)}](/book/generated/{name})"
        lines.append(f"| {link} | {' | '.join(_status(by_page.get(name)))} |")
    return "\n".join(lines) + "\n"


def _status(result: Result | None) -> tuple[str, str, str]:
    if result is None:
        return "not run", "", ""
    verdicts = ", ".join(f"{n} {verdict}" for verdict, n in result.verdicts().most_common())
    return "stale" if result.is_stale else "current", verdicts, result.price()


OWN_COMMAND = "python -m testiculus book --own"
_WITHOUT_OWN = (
    "Every run of the phantom and of the public sets below `results/` that has no page of its own "
    "above. Runs on your own data, and the smoke profile's, are left out, so that this book can be "
    f"given away. To see them too, on your machine: `{OWN_COMMAND}`."
)
_WITH_OWN = (
    "Every run below `results/` that has no page of its own above: other profiles, and your own "
    f"data. **This book was built with `{OWN_COMMAND}`: it shows results of your own images.** "
    "Before you give it to anybody, build it again without `--own`."
)


def runs_page(others: list[Result], own: bool = False) -> str:
    """Return the page that lists the other runs; `own` says whether a person's own are there."""
    lines = ["# Other runs", "", _WITH_OWN if own else _WITHOUT_OWN, ""]
    if not others:
        return "\n".join([*lines, "None yet.", ""])
    lines += ["| run | state | verdicts | price |", "|---|---|---|---|"]
    for result in others:
        link = f"[{title(result.experiment, result.data, result.profile)}]({result.page})"
        lines.append(f"| {link} | {' | '.join(_status(result))} |")
    return "\n".join([*lines, ""])

"""The book's generated pages: everything with a number in it, so that no number is typed in prose.

`write_pages` fills `book/generated/`: the executed notebooks with their provenance, pages for what
was not run, the points on which the sources differ, the API reference, and pieces that the prose
pages include. Files that stay the same are not touched, so that a second build is quick.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from testiculus.execute.api_pages import api_pages
from testiculus.execute.audit_pages import audit_pages
from testiculus.execute.audit_words import audit_pieces
from testiculus.execute.checklists import checklist_pieces
from testiculus.execute.control_words import controls_told
from testiculus.execute.encoder_card import encoder_card_pieces
from testiculus.execute.found import EXPECTED, Result, find_results, page_name
from testiculus.execute.generator_card import generator_card_pieces
from testiculus.execute.ledger_page import ledger_of, ledger_page
from testiculus.execute.markdown import escaped
from testiculus.execute.phantom_card import phantom_card_pieces
from testiculus.execute.table_pages import (
    TITLES,
    missing_page,
    notebook_page,
    runs_page,
    status_table,
)
from testiculus.execute.welcome import welcome_pieces

GENERATED = Path("book") / "generated"
STATE_WORDS = {"here": "Here.", "planned": "Planned here."}  # of what is done about a point


def write_pages(root: Path, own: bool = False) -> list[Path]:
    """Write the generated pages of the project at `root`; return the files, changed or not.

    `own` adds the runs on a person's own data (`testiculus.execute.found.is_shared` tells which).
    """
    wanted = all_pages(root, own)
    folder = root / GENERATED
    for name, text in wanted.items():
        path = folder / name
        if not path.is_file() or path.read_text(encoding="utf-8") != text:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8", newline="\n")
    for path in sorted(folder.rglob("*")):
        if path.is_file() and path.relative_to(folder).as_posix() not in wanted:
            path.unlink()
    return [folder / name for name in wanted]


def all_pages(root: Path, own: bool = False) -> dict[str, str]:
    """Return the text of every generated file by its name below `book/generated/`."""
    found = find_results(root / "results", own)
    ledger = ledger_of(found)
    return {
        **_table_pages(root, found, own),
        "contradictions.md": contradictions_page(),
        "ledger.md": ledger_page(ledger),
        **welcome_pieces(ledger, found),
        "include/status.md": status_table(found),
        "include/phantom.md": phantom_facts(),
        **{f"include/profiles_{name}.md": profile_table(name) for name in TITLES},
        "include/counts.md": source_counts(),
        "include/controls_fig5.md": controls_told(found),
        **checklist_pieces(found),
        **phantom_card_pieces(),
        **encoder_card_pieces(found),
        **generator_card_pieces(found),
        **audit_pieces(escaped),
        **audit_pages(root, own),
        **api_pages(),
    }


def _table_pages(root: Path, found: list[Result], own: bool) -> dict[str, str]:
    pages = {f"{page_name(*what)}.md": missing_page(*what, found) for what in EXPECTED}
    others = []
    for result in found:
        page = notebook_page(result, root, found)
        if (result.experiment, result.data, result.profile) in EXPECTED:
            del pages[f"{result.page}.md"]
            pages[f"{result.page}.ipynb"] = page
        else:
            others.append(result)
            pages[f"runs/{result.page}.ipynb"] = page
    return {**pages, "runs/index.md": runs_page(others, own)}


def contradictions_page() -> str:
    """Return the page of the points on which the sources differ."""
    from testiculus.paper import contradictions

    points = contradictions()
    head = [
        "# Where the sources differ",
        "",
        f"The {len(points)} points below are facts about the article, the thesis, the slides and "
        "the released code, each with its place. Two texts written at different times, and code "
        "that kept moving, will differ; the released code need not be the version that produced "
        "the printed figures. Each point says how we read it, what this companion does, and how "
        "to choose otherwise; what it says under *Planned here* is not in this version yet. "
        "Corrections are welcome.",
        "",
    ]
    return "\n".join(head + [line for point in points for line in _contradiction(point)])


def _contradiction(point: dict) -> list[str]:
    rows = [
        f"| {_cell(s['document'])} | {_cell(s['place'])} | {_cell(s['says'])} |"
        for s in point["sources"]
    ]
    return [
        f"## {point['number']}. {escaped(point['title'])}",
        "",
        escaped(point["what"]),
        "",
        "| source | place | says |",
        "|---|---|---|",
        *rows,
        "",
        *([f"**A fair reading.** {escaped(point['reading'])}", ""] if point.get("reading") else []),
        f"**{STATE_WORDS[point['state']]}** {escaped(point['companion'])}",
        "",
    ]


def _cell(text: object) -> str:
    return escaped(text).replace("\n", " ")


def phantom_facts() -> str:
    """Return what is measured and set of the phantom, as a table."""
    from testiculus.data.phantom import PhantomSettings
    from testiculus.experiments.calibration import F1_RANGE, calibration

    settings = PhantomSettings()
    rows = {
        "patients, four views each": settings.patients,
        "testes that are inhomogeneous": f"{settings.prevalence:.0%}",
        "views of those that do not show it": f"{settings.frame_miss_rate:.0%}",
        "testes that the reader gets wrong": f"{settings.reader_error_rate:.1%}",
    }
    name = f"difficulty: F1 on true labels in the demo profile (wanted: {F1_RANGE[0]} to "
    rows[name + f"{F1_RANGE[1]})"] = _difficulty(calibration("demo"))
    lines = [f"| {what} | {value} |" for what, value in rows.items()]
    return "\n".join(["| setting | value |", "|---|---|", *lines, ""])


def _difficulty(measured: dict | None) -> str:
    again = "`python -m testiculus calibrate`"
    if not measured:
        return f"not measured yet ({again})"
    text = f"{measured['f1_mean']:.3f} ± {measured['f1_std']:.3f} over {measured['runs']} runs"
    if calibration_fits(measured):
        return text
    return f"{text}; **stale**: not known to be of the phantom and profile as they are ({again})"


def calibration_fits(measured: Mapping[str, Any]) -> bool:
    """Return whether a measured difficulty is that of today's phantom and demo profile.

    No image is simulated for it: the images follow from the phantom's settings (`phantom` in the
    measurement) and code (`phantom_code`), what they were scored with from the profile. A
    measurement that does not say these does not fit.
    """
    from testiculus.base.code import code_fingerprint
    from testiculus.data.phantom import PhantomSettings
    from testiculus.experiments.profiles import profile_settings, seed_list

    demo, told = profile_settings("demo", "table1"), measured.get("settings", {})
    wanted = {
        "patients": demo["patients"],
        "pixels": demo["pixels"],
        "epochs": demo["epochs"],
        "seeds": ", ".join(map(str, seed_list(demo["seeds"]))),
        "learning rates": f"encoder {demo['encoder_lr']:g}, head {demo['head_lr']:g}",
    }
    phantom = PhantomSettings(patients=demo["patients"], pixels=demo["pixels"])
    return (
        all(told.get(name) == value for name, value in wanted.items())
        and measured.get("phantom") == phantom.as_dict()
        and measured.get("phantom_code") == code_fingerprint("testiculus.data.phantom")
    )


def profile_table(experiment: str) -> str:
    """Return an experiment's sizes in every profile, as a table."""
    from testiculus.experiments.profiles import PROFILES, profile_settings

    sizes = {name: profile_settings(name, experiment) for name in PROFILES}
    names = list(dict.fromkeys(key for each in sizes.values() for key in each))
    head = ["profile", *(name.replace("_", " ") for name in names)]
    lines = [head, ["---"] * len(head)]
    lines += [[f"`{p}`", *(_size(s.get(n)) for n in names)] for p, s in sizes.items()]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines) + "\n"


def _size(value: object) -> str:
    if value is None:
        return "the sources' own (`VARIANT` where they differ)"
    return f"{value:g}" if isinstance(value, float) else str(value)


def source_counts() -> str:
    """Return the protocol's constants as a sentence, for the page on how to read a table."""
    from testiculus import paper

    return (
        f"{paper.INITIALISATIONS} initialisations × {paper.SEEDS} seeds × {paper.FOLDS} folds "
        f"train {paper.INITIALISATIONS * paper.SEEDS * paper.FOLDS} models; each image is in the "
        f"training part of {paper.FOLDS - 1} of {paper.FOLDS} folds, so it is evaluated "
        f"{paper.EVALUATIONS} times. A training flags an image when its loss exceeded "
        f"{paper.LOSS_THRESHOLD:g} on at least {paper.OCCASIONS} occasions; an image flagged in "
        f"all {paper.EVALUATIONS} evaluations is called suspicious.\n"
    )

"""The reporting checklists CLAIM 2024 and TRIPOD+AI, answered from results where they can be.

`checklist_pieces` returns the generated parts of the book's page. What a checklist asks, and what
answers it here, is plain data (`paper/data/checklists.yaml`); figures in it are names that `facts`
fills from the runs of Table 1 and from what else is there. An item whose results are missing is
open.
"""

import csv
from collections import Counter
from collections.abc import Mapping, Sequence
from importlib.resources import files
from string import Formatter

from testiculus.execute.found import EXPECTED, Result, page_name

STATES = {"answered": "answered", "part": "in part", "open": "**open**", "none": "does not apply"}
MAIN, SECOND = ("table1", "phantom", "demo"), ("table1", "liver", "demo")
NOT_RUN = "Not run here: `make reproduce-{}`."


def checklists() -> dict[str, dict]:
    """Return both checklists: by name a dict of title, cite (a key of the bibliography) and items.

    An item is a dict of n (its published number), asks and answer (in our words; Markdown, with
    names in braces) and state (a key of `STATES`).
    """
    import yaml

    path = files("testiculus.paper") / "data" / "checklists.yaml"
    return yaml.safe_load(path.read_text(encoding="utf-8"))


def checklist_pieces(found: Sequence[Result]) -> dict[str, str]:
    """Return the parts that the page includes, by their names below `book/generated/`."""
    known = facts(found)
    pieces = {}
    for name, checklist in checklists().items():
        lines = [(item, *answered(item, known)) for item in checklist["items"]]
        table = ["| item | asks for | state | here |", "|---|---|---|---|"]
        table += [f"| {i['n']} | {i['asks']} | {STATES[s]} | {a} |" for i, s, a in lines]
        counts = Counter(state for _, state, _ in lines)
        told = ", ".join(f"{counts[s]} {words}" for s, words in STATES.items() if counts[s])
        pieces[f"include/checklist_{name}.md"] = "\n".join([f"{told}.", "", *table, ""])
    return pieces | {"include/checklist_of.md": _about(found)}


def answered(item: Mapping[str, str], known: Mapping[str, str]) -> tuple[str, str]:
    """Return an item's state and answer, filled from the `known` facts; open if one is missing.

    >>> answered({"state": "answered", "answer": "{n} images"}, {"n": "880"})
    ('answered', '880 images')
    >>> answered({"state": "answered", "answer": "Maps: {fig5}"}, {})
    ('open', 'Not run here: `make reproduce-fig5`.')
    """
    wanted = names_in(item["answer"])
    missing = [name for name in wanted if name not in known]
    if missing:
        return "open", NOT_RUN.format("fig5" if missing == ["fig5"] else "table1")
    return item["state"], item["answer"].format(**known)


def names_in(text: str) -> list[str]:
    """Return the names in braces that a text holds.

    >>> names_in("{runs} trainings of {epochs} epochs")
    ['runs', 'epochs']
    """
    return [name for _, name, _, _ in Formatter().parse(text) if name]


def facts(found: Sequence[Result]) -> dict[str, str]:
    """Return what answers can name, as text: from Table 1's demo runs, and where Fig. 5 is."""
    by_name = {(r.experiment, r.data, r.profile): r for r in found}
    known = {}
    if main := by_name.get(MAIN):
        known |= _of_set("phantom", main) | _of_protocol(main) | _of_results(main)
    if second := by_name.get(SECOND):
        known |= _of_set("liver", second)
    maps = [r for r in found if r.experiment == "fig5"]
    if maps:
        known["fig5"] = ", ".join(f"[{r.data}](/book/generated/{_place(r)})" for r in maps)
    return known


def _place(result: Result) -> str:
    what = (result.experiment, result.data, result.profile)
    return ("" if what in EXPECTED else "runs/") + page_name(*what)


# What a set is told by, and what a protocol is: the name of a fact -> its entry in the settings.
_SET = {"images": "images", "patients": "patients", "positive": "positive images"}
_SET |= {"pixels": "pixels", "seeds": "seeds"}
_PROTOCOL = {"epochs": "epochs", "batch_size": "batch size", "rates": "learning rates"}
_PROTOCOL |= {name: name for name in ("augmentation", "evaluations")}
_PROTOCOL |= {"weight_decay": "weight decay"}


def _of_set(name: str, result: Result) -> dict[str, str]:
    record = result.provenance
    settings, told = record.get("settings", {}), record.get("data_settings", {})
    known = {what: str(settings[key]) for what, key in _SET.items() if key in settings}
    if "folds" in settings:
        known["folds"], _, known["grouping"] = str(settings["folds"]).partition(", ")
    known |= {
        "licence": str(record.get("licence") or "licence not stated"),
        "source": str(told.get("source", "source not stated")),
        "rows": str(told.get("labelled_rows", "all labelled rows")),
        "planted": str(len(told.get("planted_errors", {}).get("flipped", []))),
    }
    return {f"{name}_{what}": value for what, value in known.items()}


def _of_protocol(result: Result) -> dict[str, str]:
    record = result.provenance
    settings, cost = record.get("settings", {}), record.get("cost", {})
    known = {what: str(settings[key]) for what, key in _PROTOCOL.items() if key in settings}
    if "initialisations" in settings:
        known["initialisations"] = ", ".join(settings["initialisations"])
    if "runs" in cost:
        known["runs"] = f"{cost['runs']:.0f}"
    versions = (f"{name} {version}" for name, version in record.get("versions", {}).items())
    return known | {
        "not_run": ", ".join(record.get("not_run", {})) or "nothing",
        "commit": str(record.get("commit", "unknown"))[:12],
        "versions": ", ".join(versions) or "not recorded",
    }


def _of_results(result: Result) -> dict[str, str]:
    """Return what Table 1's results say: scores on the truth, verdicts, what could be resolved."""
    with (result.folder / "verdicts.csv").open(encoding="utf-8", newline="") as file:
        lines = list(csv.DictReader(file))
    counts = Counter(line["verdict"] for line in lines)
    known = {
        "claims": str(len(lines)),
        "verdicts": ", ".join(f"{n} {verdict}" for verdict, n in counts.most_common()),
    }
    widths = [line.get("resolvable") for line in lines if _is_f1_as_printed(line["claim"])]
    if widths := [float(width) for width in widths if width]:
        known["resolvable"] = f"{100 * max(widths):.1f}"
    return known | _scores(result) | _flagged(result)


def _scores(result: Result) -> dict[str, str]:
    """Return Complete's F1 and AUC on the truth, with their intervals, where they are known."""
    import pandas as pd

    from testiculus.claims.schema import BASELINE, runs_of
    from testiculus.intervals import corrected_resampled_interval

    if not (result.folder / "results.csv").is_file():
        return {}
    results, known = pd.read_csv(result.folder / "results.csv"), {}
    ratio = 1 / (results["fold"].nunique() - 1)
    for metric, words in (("f1_truth", "F1"), ("auc_truth", "AUC")):
        values = runs_of(results, BASELINE, metric).dropna()
        if len(values):
            i = corrected_resampled_interval(values, ratio=ratio)
            known[metric] = f"{words} {i.effect:.3f} [{i.low:.3f}, {i.high:.3f}], {i.n} runs"
    return known


def _flagged(result: Result) -> dict[str, str]:
    import pandas as pd

    file = result.folder / "flags.csv"
    if not file.is_file():
        return {}
    return {"flagged": str(int(pd.read_csv(file)["suspicious"].sum()))}


def _is_f1_as_printed(claim: str) -> bool:
    return claim.endswith("-f1")


def _about(found: Sequence[Result]) -> str:
    """Return which runs the answers are of, and whether these are stale."""
    from testiculus.execute.table_pages import title

    by_name = {(r.experiment, r.data, r.profile): r for r in found}
    told = []
    for what in (MAIN, SECOND):
        state = "not run"
        if what in by_name:
            state = "**stale**" if by_name[what].is_stale else "current"
        told.append(f"[{title(*what)}](/book/generated/{page_name(*what)}): {state}")
    return f"Answers with figures are those of {' and '.join(told)}.\n"

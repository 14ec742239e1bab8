"""The phantom's data card: its settings, its scanners, and what the default set is made of.

`phantom_card_pieces` returns the generated parts of the book's page. Settings and their meaning are
read from `PhantomSettings` itself, counts from the labels of the default set.
"""

import re
from dataclasses import fields
from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

_FIELD = re.compile(r"^([a-z_]+(?:, [a-z_]+)*): ", re.MULTILINE)
UNITS = {"mhz": "MHz", "mm": "mm", "db": "dB"}
WRONG = {"reader": "the reading was wrong", "frame": "the view does not show it"}


@lru_cache(maxsize=1)
def phantom_card_pieces() -> dict[str, str]:
    """Return the parts that the page includes, by their names below `book/generated/`."""
    return {
        "include/phantom_settings.md": settings_table(),
        "include/phantom_scanners.md": scanners_table(),
        "include/phantom_composition.md": composition_table(),
    }


def settings_table() -> str:
    """Return every setting of the phantom with its default and what it means, as Markdown."""
    from testiculus.data.phantom import PhantomSettings

    defaults, told = PhantomSettings().as_dict(), field_texts(PhantomSettings.__doc__ or "")
    lines = [
        f"| `{field.name}` | {_value(defaults[field.name])} | {told[field.name]} |"
        for field in fields(PhantomSettings)
    ]
    return "\n".join(["| setting | default | what |", "|---|---|---|", *lines, ""])


def field_texts(doc: str) -> dict[str, str]:
    """Return what a dataclass's docstring says of its fields, "name: text" or "name, other: text".

    >>> field_texts("Settings.\\n\\n    a, b: both,\\n        long.\\n    c: last.")
    {'a': 'both, long.', 'b': 'both, long.', 'c': 'last.'}
    """
    text = "\n".join(line.strip() for line in doc.splitlines())
    _, *parts = _FIELD.split(text)
    pairs = zip(parts[::2], parts[1::2], strict=True)
    return {
        name: " ".join(said.split()).replace("|", "\\|")
        for names, said in pairs
        for name in names.split(", ")
    }


def _value(value: object) -> str:
    if isinstance(value, list):
        return ", ".join(map(_value, value))
    return f"{value:g}" if isinstance(value, float) else str(value)


def scanners_table() -> str:
    """Return every number of the two simulated scanners side by side, as Markdown."""
    from testiculus.data.phantom import SCANNERS, Scanner

    told = field_texts(Scanner.__doc__ or "")
    head = ["", *(f"`{name}`" for name in SCANNERS), "what"]
    lines = [head, ["---"] * len(head)]
    for field in fields(Scanner):
        if field.name != "name":
            values = [_value(getattr(scanner, field.name)) for scanner in SCANNERS.values()]
            lines.append([_with_unit(field.name), *values, told[field.name]])
    return "\n".join(f"| {' | '.join(line)} |" for line in lines) + "\n"


def _with_unit(name: str) -> str:
    words, _, last = name.rpartition("_")
    return f"{words.replace('_', ' ')} ({UNITS[last]})" if last in UNITS else name.replace("_", " ")


def composition_table() -> str:
    """Return what the default set of labelled views holds, beside what its settings imply."""
    from testiculus.data.phantom import PhantomSettings, expected_rates, truth_table

    settings = PhantomSettings()
    frame, expected = truth_table(settings), expected_rates(settings)
    rows = [("views", f"{len(frame)}", "")]
    rows += [("patients", f"{frame['patient'].nunique()}", "")]
    rows += [_share("labelled inhomogeneous", frame["label"] == 1, expected["label"])]
    rows += [_share("truly inhomogeneous", frame["true_label"] == 1, expected["true_label"])]
    wrong = frame["label"] != frame["true_label"]
    rows += [_share("with a wrong label", wrong, expected["wrong"])]
    rows += [
        _share(f"with a wrong label because {WRONG[why]}", frame["why"] == why, expected[why])
        for why in WRONG
    ]
    rows += _scanner_rows(frame, settings.scanner_shares)
    sick = frame["kind"] != ""
    rows += [
        _share(f"of an inhomogeneous testis, {kind}", frame["kind"] == kind, None)
        for kind in sorted(set(frame.loc[sick, "kind"]))
    ]
    for name, chosen in (("inhomogeneous", sick), ("homogeneous", ~sick)):
        rows.append(
            (f"median severity, {name}", f"{frame.loc[chosen, 'severity'].median():.2f}", "")
        )
    lines = [f"| {what} | {here} | {implied} |" for what, here, implied in rows]
    head = ["| views of the default set | here | the settings imply |", "|---|---|---|"]
    return "\n".join([*head, *lines, ""])


def _scanner_rows(frame: "pd.DataFrame", shares: tuple[float, float]) -> list[tuple[str, str, str]]:
    from testiculus.data.phantom import SCANNERS

    return [
        _share(f"on `{name}`", frame["scanner"] == name, share)
        for name, share in zip(SCANNERS, shares, strict=True)
    ]


def _share(what: str, chosen: "pd.Series", expected: float | None) -> tuple[str, str, str]:
    implied = "" if expected is None else f"{expected:.1%}"
    return what, f"{int(chosen.sum())} ({chosen.mean():.1%})", implied

"""Three public ultrasound sets by name: liver, nerve and lung, each alone or all in one manifest.

Main function: `import_public`. It reads the publishers' own folders, named `liver_aul`,
`nerve_usgra` and `lung_pocus_ccby` where several lie side by side (see `published`):

    python -m testiculus import public liver --from 7272660 --to imported/liver

The patients' numbers are public already, so that their hashes need no secret: everybody gets the
same names, hence the same folds.
"""

from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd

from testiculus.base.errors import UserError, one_of
from testiculus.data.importers.identifiers import PUBLIC_KEY, keyed_hash
from testiculus.data.importers.names import checked_folder, open_mask, open_picture, warn
from testiculus.data.importers.output import Output, Picture, write_import
from testiculus.data.importers.published import FOLDERS, find_set, open_outline, set_table

LICENCE = "CC BY 4.0"
SOURCES = {
    "liver": "Xu et al. 2022, Annotated Ultrasound Liver images, Zenodo 7272660",
    "nerve": "tmkand/usgra-seg: nerves and vessels of neck and limbs",
    "lung": "CC BY part of the POCUS collection of Born et al.; each file's address is in its row",
}
GROUPS = {"liver": "patient", "nerve": "file", "lung": "clip"}
FLIP_RATE = 0.1  # planted label errors, so that a noise rule has something known to find
FLIP_SEED = 0
SAME_PICTURE = {"0077": "0043"}  # nerve: one picture under two names stays in one group


def import_public(
    which: str,
    folder: Path | str,
    output: Output,
    *,
    flip_rate: float = FLIP_RATE,
    flip_seed: int = FLIP_SEED,
    matched_only: bool = True,
) -> Path:
    """Import "liver", "nerve", "lung" or "all" from `folder`; return the manifest's path.

    Liver: label 1 is malignant and 0 benign. `true_label` is the publisher's; in `label` a share
    `flip_rate` of them is turned over, drawn by `flip_seed` (the settings and the column `why` say
    which). Only rows that were matched by acquisition carry labels, unless `matched_only` is
    false: otherwise the scanner tells the class. Nerve and lung carry none; their patient column
    groups by file and by clip. Raises `UserError` for a folder or table that is not as expected.
    """
    which = one_of(which, [*FOLDERS, "all"], "public set")
    folder = checked_folder(folder, output.to, output.force)
    names = list(FOLDERS) if which == "all" else [which]
    rate = _checked_rate(flip_rate)
    pictures, settings = [], _settings(names, output)
    for name in names:
        place = find_set(folder, name)
        cells = set_table(place, name)
        if name == "liver":
            cells, told = liver_labels(cells, rate, flip_seed, matched_only)
            settings |= told
        pictures += [_picture(name, place, cell) for cell in cells.to_dict("records")]
    return write_import(pictures, output, settings, public_key=PUBLIC_KEY)


def _checked_rate(rate: float) -> float:
    if not 0 <= rate <= 0.5:
        raise UserError(f"a flip rate of {rate:g}", "--flip-rate", "give a number from 0 to 0.5")
    return rate


def _settings(names: list[str], output: Output) -> dict:
    merged = len(names) > 1
    groups = ", ".join(f"{name}: {GROUPS[name]}" for name in names) if merged else GROUPS[names[0]]
    settings = output.settings("organs" if merged else names[0])
    settings["licence"] = output.licence or LICENCE
    settings["source"] = output.source or "; ".join(SOURCES[name] for name in names)
    return settings | {"group": groups}


def liver_labels(
    cells: pd.DataFrame, rate: float, seed: int, matched_only: bool = True
) -> tuple[pd.DataFrame, dict]:
    """Return the liver table with true_label, label and why, and what the settings say of them.

    round(rate x labelled rows) rows are turned over, drawn without replacement by a generator of
    `seed` from the labelled rows in the order of their file names.
    """
    cells = cells.copy()
    classes = cells["label"].map({"benign": 0, "malignant": 1}).astype("Int8")
    kept = classes.notna() & ((cells["matched"] == "1") | (not matched_only))
    cells["publisher_label"] = cells["label"]
    cells["true_label"] = classes.where(kept)
    labelled = cells.loc[kept, "image"].sort_values().index.to_numpy()
    count = round(rate * len(labelled))
    flipped = np.random.default_rng(seed).choice(labelled, count, replace=False)
    cells["label"] = cells["true_label"]
    cells.loc[flipped, "label"] = 1 - cells.loc[flipped, "true_label"]
    cells["why"] = ""
    cells.loc[flipped, "why"] = "planted"
    told = {
        "positive_class": "malignant",
        "negative_class": "benign",
        "labelled_rows": "matched by acquisition" if matched_only else "all benign and malignant",
        "planted_errors": {
            "what": "labels turned over at random, on purpose; true_label is the publisher's",
            "rate": rate,
            "seed": seed,
            "labelled": len(labelled),
            "flipped": sorted(cells.loc[flipped, "image"]),
        },
    }
    return cells, told


def _picture(name: str, place: Path, cell: dict) -> Picture:
    details: Callable = {"liver": _liver, "nerve": _nerve, "lung": _lung}[name]
    patient, row, masks = details(cell, place)
    fixed = {"organ": name, "source": SOURCES[name], "licence": cell.get("licence", LICENCE)}
    fixed["source_file"] = f"{FOLDERS[name]}/{cell['image']}"
    return Picture(
        identity=f"{name}:{cell['image']}",
        patient=f"{name}:{patient}",
        where=str(place / cell["image"]),
        open=partial(open_picture, place / cell["image"]),
        row=row | fixed,
        masks={column: _opener(place, path, cell["image"]) for column, path in masks.items()},
    )


def _opener(place: Path, mask: str, image: str) -> Callable:
    if mask.endswith(".json"):
        return partial(open_outline, place / mask, place / image)
    return partial(open_mask, place / mask)


def _liver(cell: dict, place: Path) -> tuple[str, dict, dict[str, str]]:
    kind, _, file = cell["image"].split("/")
    columns = ("label", "true_label", "why", "publisher_label", "stratum", "matched")
    row = {name: cell[name] for name in columns} | {"device": cell["stratum"]}
    stem = file.rsplit(".", 1)[0]
    masks = {}
    for column, what in (("mask", "liver"), ("lesion_mask", "mass")):
        if cell[f"has_{what}"] == "1":  # 2 malignant images have no liver outline
            drawn = f"{kind}/{what}_mask_derived/{stem}.png"
            outline = f"{kind}/segmentation/{what}/{stem}.json"
            masks[column] = drawn if (place / drawn).is_file() else outline
    return cell["patient"], row, masks


def _nerve(cell: dict, _: Path) -> tuple[str, dict, dict[str, str]]:
    stem = Path(cell["image"]).stem
    if stem in SAME_PICTURE:
        warn(f"nerve: {stem} and {SAME_PICTURE[stem]} are the same picture; they share a group")
    masks = {"mask": cell["mask"]} if cell["mask"] else {}
    return SAME_PICTURE.get(stem, stem), {"split": cell["split"]}, masks


def _lung(cell: dict, _: Path) -> tuple[str, dict, dict[str, str]]:
    row = {
        "publisher_label": cell["label"],
        "publisher_patient": keyed_hash(f"lung patient {cell['upstream_patient_no']}", PUBLIC_KEY),
        "device": cell.get("probe", ""),
        "address": cell["url"],
    }
    return cell["source_clip"], row, {}

"""The audits of any data set, together: `audit`, and `write_audit`.

An audit has no profile: it looks at the images and the manifest as they are, and trains nothing
but small controls. Pairs of images are compared at `PIXELS`; grey levels, sharpness and writing are
measured on every picture at its own resolution.
"""

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch

from testiculus.audits.acquisition import acquisition_finding, acquisition_table
from testiculus.audits.balance import balance_finding, balance_table
from testiculus.audits.consistency import consistency_finding, consistency_table
from testiculus.audits.duplicates import Duplicates, duplicates_finding, find_duplicates
from testiculus.audits.findings import Finding, holm, skipped
from testiculus.audits.overlay import overlay_finding, overlay_table, rings_and_crosses
from testiculus.audits.questions import OWN, Question, label_questions
from testiculus.base.devices import resolve_device
from testiculus.base.files import write_csv, write_json
from testiculus.data.images import ImageSet
from testiculus.experiments.audited_pictures import (
    ALL_ACQUISITION,
    LOOKS,
    families,
    pictures_frame,
)
from testiculus.experiments.sources import load_all

PIXELS = 128  # px, of the comparison of pairs and of the search for marks; the phantom's own
PHANTOM_PATIENTS = 220  # as in the labelled set of the article
MODULE = __name__
REMEDY_ACQUISITION = (
    "Do not train on these labels as they are: match the classes within size, tint, device and "
    "crop, or score every stratum on its own, and show this control beside every score."
)
REMEDY_LOOKS = (
    "Compare every score with this one: a network that does no better has learned no more than "
    "brightness and sharpness."
)
LOOKS_CAUTION = "Tissue has a part in grey levels and sharpness: this alone proves no confound."


@dataclass(frozen=True, eq=False)
class DataAudit:
    """What was found: findings in words, tables by name, and what they were found on.

    `about` holds the data set's name, fingerprint, licence, number of images, patients and labels,
    what the patient column groups by, and the seconds of each part; `images` are the set itself.
    """

    findings: tuple[Finding, ...]
    tables: dict[str, pd.DataFrame]
    about: dict[str, Any]
    images: ImageSet


def audit(data: str = "phantom", columns: tuple[str, ...] = (), device: str = "cpu") -> DataAudit:
    """Run every audit on the phantom or on the manifest that `data` names.

    `columns` are further columns to take for labels. Raises `UserError` for a manifest that cannot
    be used, a file that cannot be read, or a column that is not there.
    """
    started = time.monotonic()
    where = resolve_device(device)
    images = load_all(data, pixels=PIXELS, patients=PHANTOM_PATIENTS, device=where)
    questions, reasons = label_questions(images.frame, images.settings, columns)
    looked = pictures_frame(data, images)
    seconds = {"reading": time.monotonic() - started}
    with _one_thread():
        return audited(images, looked, questions, reasons, seconds)


@contextmanager
def _one_thread() -> Iterator[None]:
    """Compute on one core: the batches are small, and threads that wait for each other cost more.

    On a machine that is busy already two threads took three times as long as one.
    """
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def audited(
    images: ImageSet,
    looked: pd.DataFrame,
    questions: list[Question],
    reasons: list[str],
    seconds: dict[str, float] | None = None,
) -> DataAudit:
    """Run every audit on images in memory; `looked` is the `pictures_frame` of them."""
    seconds, tables = dict(seconds or {}), {}
    findings: list[Finding] = []
    parts: dict[str, Callable] = {
        "duplicates": lambda: _duplicates(images, tables),
        "acquisition": lambda: _acquisition(images, looked, questions, reasons, tables),
        "balance": lambda: _balance(images, questions, reasons, tables),
        "overlay": lambda: _overlay(images, looked, questions, tables),
        "consistency": lambda: _consistency(images, questions, tables),
    }
    for name, part in parts.items():
        started = time.monotonic()
        findings += part()
        seconds[name] = time.monotonic() - started
    tables["findings"] = pd.DataFrame([finding.as_dict() for finding in findings])
    about = _about(images, questions, reasons, seconds)
    return DataAudit(tuple(findings), tables, about, images)


def _duplicates(images: ImageSet, tables: dict) -> list[Finding]:
    if len(images) < 2:
        return [duplicates_finding(None)]
    found: Duplicates = find_duplicates(images.pixels, images.frame)
    tables["duplicates"], tables["duplicates_checks"] = found.pairs, found.checks
    tables["likeness"] = found.likeness
    group = str(images.settings.get("group") or "patient")
    return [duplicates_finding(found, group if group.isalpha() else "patient")]


def _acquisition(images, looked, questions, reasons, tables: dict) -> list[Finding]:
    patients = images.frame["patient"].to_numpy()
    table = acquisition_table(
        questions, families(images.frame, looked), patients, (ALL_ACQUISITION,)
    )
    looks = table["features"].isin(LOOKS)
    table["p_adjusted"] = np.nan
    for part in (looks, ~looks):
        table.loc[part, "p_adjusted"] = holm(table.loc[part, "p"])
    tables["acquisition"] = table
    if not questions:
        names = ("acquisition", "grey levels and sharpness")
        return [skipped(name, "; ".join(reasons), "Fill the column label") for name in names]
    return [
        acquisition_finding("acquisition", table[~looks], [], REMEDY_ACQUISITION),
        acquisition_finding(
            "grey levels and sharpness", table[looks], [], REMEDY_LOOKS, LOOKS_CAUTION
        ),
    ]


def _balance(images, questions, reasons, tables: dict) -> list[Finding]:
    table = balance_table(questions, images.frame)
    keys = ["column", "positive", "negative", "grouping"]
    tables["balance"] = _adjusted(table, keys)
    return [balance_finding(tables["balance"], reasons)]


def _overlay(images, looked, questions, tables: dict) -> list[Finding]:
    seen = pd.DataFrame({"marks": rings_and_crosses(images.pixels)})
    if "writing" in looked:
        seen["writing"] = looked["writing"].to_numpy() > 0
    table = overlay_table(seen, questions, images.frame["patient"].to_numpy())
    tables["overlay"] = _adjusted(table, ["what", "column", "positive", "negative"])
    return [overlay_finding(tables["overlay"])]


def _consistency(images, questions, tables: dict) -> list[Finding]:
    columns = list(dict.fromkeys([*OWN, *(question.column for question in questions)]))
    table = consistency_table(images.frame, columns)
    tables["consistency"] = table
    return [consistency_finding(table, images.frame)]


def _adjusted(table: pd.DataFrame, keys: list[str]) -> pd.DataFrame:
    """Return the table with `p_adjusted`: Holm's over its tests, of which each has several rows."""
    tests = table[keys + ["p"]].drop_duplicates(keys)
    adjusted = tests.assign(p_adjusted=holm(tests["p"])).drop(columns="p")
    return table.merge(adjusted, on=keys, how="left", sort=False)


def _about(images: ImageSet, questions, reasons, seconds: dict) -> dict[str, Any]:
    frame, settings = images.frame, images.settings
    labels = frame["label"].notna() if "label" in frame else pd.Series([], dtype=bool)
    return {
        "data": images.name,
        "data_fingerprint": images.fingerprint,
        "licence": settings.get("licence") or None,
        "source": settings.get("source") or None,
        "group": settings.get("group") or "patient",
        "pixels": int(images.pixels.shape[-1]),
        "images": len(frame),
        "patients": int(frame["patient"].nunique()),
        "labelled": int(labels.sum()),
        "questions": [
            {"column": q.column, "positive": q.positive, "negative": q.negative} for q in questions
        ],
        "not_asked": list(reasons),
        "seconds": {name: round(value, 1) for name, value in seconds.items()},
    }


def write_audit(found: DataAudit, folder: Path, record: Mapping[str, Any]) -> Path:
    """Write an audit's tables as CSV and `audit.json` into `folder`; return the latter.

    `record` is what the caller knows of the run: commit, versions, seconds.
    """
    for name, table in found.tables.items():
        write_csv(folder / f"{name}.csv", table)
    findings = [finding.as_dict() for finding in found.findings]
    about = {**found.about, **record, "findings": findings}
    return write_json(folder / "audit.json", about)

"""A few pictures that show what the phantom can do: `demonstration`, ready for a labelled grid."""

from dataclasses import replace

import pandas as pd
import torch

from testiculus.data.images import ImageSet
from testiculus.data.phantom.generate import phantom
from testiculus.data.phantom.inhomogeneity import KINDS
from testiculus.data.phantom.labels import truth_table
from testiculus.data.phantom.scanners import SCANNERS
from testiculus.data.phantom.settings import PhantomSettings

SEARCHED = 400  # patients; more than enough for one of each kind on each scanner


def demonstration(settings: PhantomSettings | None = None, views: int = 1) -> ImageSet:
    """Return testes of every kind, and a thyroid, on each scanner, as one set for a grid.

    Nothing is staged: they are patients of the phantom, the first found of each kind whose frame
    shows a severity within 15 % of the median. `views` (1 or 2) of a testis: transverse, then
    sagittal. The frame has two more columns: `row` (the scanner) and `caption` ("homogeneous",
    "patchy", "striated", "focal", "thyroid"), in which order the rows come.
    """
    settings = settings or PhantomSettings()
    testis = replace(settings, organ="testis")
    thyroid = replace(settings, organ="thyroid")
    facts = truth_table(testis, range(SEARCHED))
    necks = truth_table(thyroid, range(SEARCHED))
    parts = []
    for scanner in SCANNERS:
        for kind in ("", *KINDS):
            place = _typical(facts, kind, scanner, testis)
            parts.append(_views(testis, facts, place, views, kind or "homogeneous"))
        place = int(necks.index[necks["scanner"] == scanner][0])
        parts.append(_views(thyroid, necks, place, views, "thyroid"))
    return _joined(parts)


def _typical(facts: pd.DataFrame, kind: str, scanner: str, settings: PhantomSettings) -> int:
    """Return the first transverse view's row of this kind and scanner, of middling severity."""
    median = settings.severity if kind else settings.normal_severity
    fits = (facts["kind"] == kind) & (facts["scanner"] == scanner)
    fits &= facts["true_label"] == int(bool(kind))
    both = fits & fits.shift(-1, fill_value=False) & (facts["view"] == "transverse")
    candidates = facts[both] if both.any() else facts[facts["view"] == "transverse"]
    away = (candidates["severity"] / max(median, 1e-9) - 1).abs()
    close = away[away <= 0.15]
    return int(close.index[0] if len(close) else away.idxmin())


def _views(
    settings: PhantomSettings, facts: pd.DataFrame, place: int, views: int, caption: str
) -> ImageSet:
    patient = phantom(settings, numbers=[place // 4])
    first = place % 4
    shown = patient.select(list(range(first, first + views)))
    shown.frame["row"] = shown.frame["scanner"]
    shown.frame["caption"] = caption
    return shown


def _joined(parts: list[ImageSet]) -> ImageSet:
    pixels = torch.cat([part.pixels for part in parts])
    frame = pd.concat([part.frame for part in parts], ignore_index=True)
    masks = {name: torch.cat([part.masks[name] for part in parts]) for name in parts[0].masks}
    return ImageSet.build(pixels, frame, parts[0].name, parts[0].settings, masks)

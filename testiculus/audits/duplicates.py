"""Pictures that are in a set more than once: `find_duplicates`, and `duplicates_finding`.

All pairs are searched at a coarse size, the likeliest few of each image are laid on one another
(`alignment`), and a correlation of at least `NEAR` counts. How far that can be trusted is measured
on the set itself: copies planted on purpose say what is found, and upside-down pictures, of which
nobody has a copy, say what is found by chance.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch

from testiculus.audits.alignment import coarse_blocks, fine_bands, refined, where
from testiculus.audits.findings import CLEAR, FOUND, Finding, counted, skipped
from testiculus.audits.planted_copies import PLANTED, planted_copies
from testiculus.base.devices import generator

# Measured. On the phantom (880 images of 220 patients, no copies) the best fit of two patients is
# 0.71: one program drew all of that anatomy. Upside-down images of three public sets stay below
# 0.5. Planted copies mostly reach 0.9, the noisiest 0.7; neighbouring frames of a film 0.75 to 1.
NEAR = 0.75
WORTH_A_LOOK = 0.55  # coarse correlation from which a pair is laid on one another
WANTED = (2, 1)  # of each image's likeliest pairs: of other patients, of its own
PLANTED_IMAGES = 40  # of each kind, at most
UPSIDE_DOWN = 250  # images that are turned over, at most
COLUMNS = (
    *("first", "second", "first_patient", "second_patient", "same_patient", "likeness"),
    *("identical", "mirrored", "stretch_x", "stretch_y", "first_label", "second_label"),
    *("crosses_split", "group"),
)


@dataclass(frozen=True, eq=False)
class Duplicates:
    """Pairs of like pictures (columns `COLUMNS`), and what is known of the search.

    `checks`: for each planted kind the copies found and planted; `likeness`: the best of every
    image among other patients' images, and of some upside down (missing for the others).
    """

    pairs: pd.DataFrame
    checks: pd.DataFrame
    likeness: pd.DataFrame


def find_duplicates(pixels: torch.Tensor, frame: pd.DataFrame) -> Duplicates:
    """Return the pairs of images, uint8 n x 1 x h x w with n > 1, that show one picture.

    `frame` has a row per image, under a RangeIndex, with `image`, `patient` and, where known,
    `label` and `split`.
    """
    patients = np.unique(frame["patient"].to_numpy(), return_inverse=True)[1]
    pairs = _pairs(pixels, pixels, patients, patients, WANTED, itself=True)
    turned = torch.randperm(len(pixels), generator=generator("upside down", len(pixels)))
    turned = turned[:UPSIDE_DOWN].sort().values
    decoys = _pairs(
        pixels[turned].flip(-2), pixels, patients[turned.numpy()], patients, (1, 0), itself=False
    )
    by_chance = decoys.groupby("first")["likeness"].max().reindex(range(len(turned))).fillna(0.0)
    likeness = pd.DataFrame(
        {
            "image": frame["image"].to_numpy(),
            "likeness": _best(pairs[~pairs["same_patient"]], len(frame)),
            "upside_down": pd.Series(by_chance.to_numpy(), index=turned.numpy()).reindex(
                range(len(frame))
            ),
        }
    )
    near = pairs[pairs["likeness"] >= NEAR].sort_values("likeness", ascending=False, kind="stable")
    return Duplicates(_described(near, pixels, frame), _checks(pixels, by_chance), likeness)


def _pairs(images, others, patients, other_patients, wanted: tuple[int, int], itself: bool):
    """Return candidate pairs with their likeness.

    `wanted` says how many of each image's likeliest others are laid on it: of other patients, and
    of its own. `itself`: both are one set, where no image is compared with itself.
    """
    rows, columns, places = [], [], []
    for block, found, place in coarse_blocks(images, others):
        same = torch.from_numpy(patients[block, None] == other_patients[None])
        if itself:
            found[torch.arange(len(found)), torch.arange(block.start, block.stop)] = -1
        for mask, number in zip((same, ~same), wanted, strict=True):
            chosen = found.masked_fill(mask, -1).topk(min(number, found.shape[1]), dim=1)
            row, rank = torch.nonzero(chosen.values >= WORTH_A_LOOK, as_tuple=True)
            column = chosen.indices[row, rank]
            rows.append(row + block.start)
            columns.append(column)
            places.append(place[row, column])
    row, column = torch.cat(rows), torch.cat(columns)
    flips, maps = where(torch.cat(places))
    likeness, maps = refined(fine_bands(images), fine_bands(others), flips, maps, (row, column))
    return pd.DataFrame(
        {
            **{"first": row.numpy(), "second": column.numpy(), "likeness": likeness.numpy()},
            **{"mirrored": flips.numpy(), "stretch_x": maps[:, 0], "stretch_y": maps[:, 1]},
            "same_patient": patients[row.numpy()] == other_patients[column.numpy()],
        }
    )


def _best(pairs: pd.DataFrame, number: int) -> np.ndarray:
    """Return each image's best likeness, 0 where it has no candidate."""
    ends = pd.concat([pairs["first"], pairs["second"]], ignore_index=True)
    values = pd.concat([pairs["likeness"]] * 2, ignore_index=True)
    return values.groupby(ends).max().reindex(range(number)).fillna(0.0).to_numpy()


def _described(near: pd.DataFrame, pixels: torch.Tensor, frame: pd.DataFrame) -> pd.DataFrame:
    """Return the pairs, each once, with names, patients, labels and groups of one picture."""
    ordered = near.assign(
        low=near[["first", "second"]].min(axis=1), high=near[["first", "second"]].max(axis=1)
    )
    near = ordered.drop_duplicates(["low", "high"])
    first, second = near["low"].to_numpy(copy=True), near["high"].to_numpy(copy=True)

    def known(column: str, rows: np.ndarray) -> np.ndarray:
        values = frame[column].iloc[rows] if column in frame else pd.Series([""] * len(rows))
        return values.astype(object).where(values.notna(), "").to_numpy()

    splits = known("split", first), known("split", second)
    table = {
        **{"first": known("image", first), "second": known("image", second)},
        **{"first_patient": known("patient", first), "second_patient": known("patient", second)},
        **{name: near[name].to_numpy() for name in ("same_patient", "likeness", "mirrored")},
        "identical": (pixels[first] == pixels[second]).flatten(1).all(1).numpy(),
        **{name: near[name].to_numpy() for name in ("stretch_x", "stretch_y")},
        **{"first_label": known("label", first), "second_label": known("label", second)},
        "crosses_split": (splits[0] != splits[1]) & (splits[0] != "") & (splits[1] != ""),
        "group": _groups(first, second, len(frame)),
    }
    return pd.DataFrame(table)[list(COLUMNS)]


def _groups(first: np.ndarray, second: np.ndarray, number: int) -> np.ndarray:
    """Return for each pair the number, from 1, of the set of pictures it is connected with."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    links = coo_array((np.ones(len(first)), (first, second)), shape=(number, number))
    component = connected_components(links, directed=False)[1][first.astype(np.int64)]
    return pd.factorize(component)[0] + 1


def _checks(pixels: torch.Tensor, by_chance: pd.Series) -> pd.DataFrame:
    """Return how many planted copies of each kind are found, and how many upside-down pictures."""
    rng = generator("planted duplicates", len(pixels))
    chosen = torch.randperm(len(pixels), generator=rng)[:PLANTED_IMAGES]
    copies = torch.cat([planted_copies(pixels[chosen], kind, rng) for kind in PLANTED])
    source = chosen.repeat(len(PLANTED)).numpy()
    none, each = np.full(len(copies), -1), np.arange(len(pixels))
    pairs = _pairs(copies, pixels, none, each, (1, 0), itself=False)
    hits = pairs[(pairs["likeness"] >= NEAR) & (source[pairs["first"]] == pairs["second"])]
    kinds = hits["first"].unique() // len(chosen)
    rows = [
        {"kind": kind, "found": int((kinds == k).sum()), "of": len(chosen)}
        for k, kind in enumerate(PLANTED)
    ]
    wrong = int((by_chance >= NEAR).sum())
    return pd.DataFrame([*rows, {"kind": "upside down", "found": wrong, "of": len(by_chance)}])


def duplicates_finding(duplicates: Duplicates | None, group: str = "patient") -> Finding:
    """Return what a search says; None stands for a set of fewer than two images.

    `group` is what the patient column groups by, in a word: patient, file, clip.
    """
    audit = "duplicates"
    if duplicates is None:
        return skipped(audit, "there are fewer than two images to compare")
    pairs, checks = duplicates.pairs, duplicates.checks.set_index("kind")
    planted, chance = checks.loc[list(PLANTED)], checks.loc["upside down"]
    across, within = pairs[~pairs["same_patient"]], pairs[pairs["same_patient"]]
    sure = (
        f"Of {planted['of'].sum()} copies planted in this set (mirrored, displaced, cut out, "
        f"brighter, noisy) {planted['found'].sum()} are found; of {chance['of']} upside-down "
        f"pictures, which have no copy, {chance['found']} are. The highest likeness below the "
        f"threshold of {NEAR:g} is {_below(duplicates):.3f}."
    )
    if pairs.empty:
        found = f"No picture is there twice, neither across {group}s nor within one."
        act = "Nothing; a copy that was turned, or cut to less than half, would be missed."
        return Finding(audit, CLEAR, found, sure, act, "duplicates")
    found, act = _found(across, within, group), _act(across)
    return Finding(audit, FOUND, found, sure, act, "duplicates")


def _below(duplicates: Duplicates) -> float:
    values = duplicates.likeness["likeness"]
    return float(values[values < NEAR].max()) if (values < NEAR).any() else 0.0


def _found(across: pd.DataFrame, within: pd.DataFrame, group: str) -> str:
    parts = []
    for pairs, where_ in ((across, f"of different {group}s"), (within, f"of one {group}")):
        if pairs.empty:
            continue
        first = pairs.iloc[0]
        same = int(pairs["identical"].sum())
        parts.append(
            f"{_pairs_that(len(pairs), f'{where_} show', f'{where_} shows')} one picture or nearly "
            f"so, {same} of them identical (the first: {first['first']} and {first['second']})"
        )
    crossing = int(across["crosses_split"].sum())
    labels = across[(across["first_label"] != "") & (across["second_label"] != "")]
    contrary = int((labels["first_label"] != labels["second_label"]).sum())
    more = f"; {_pairs_that(crossing, 'lie', 'lies')} in different splits" if crossing else ""
    more += f"; {_pairs_that(contrary, 'carry', 'carries')} opposite labels" if contrary else ""
    return "; ".join(parts) + more + "."


def _pairs_that(number: int, many: str, one: str) -> str:
    return f"{counted(number, 'pair')} {one if number == 1 else many}"


def _act(across: pd.DataFrame) -> str:
    if across.empty:
        return "Leave one of each pair out: it counts twice, though in one fold."
    return (
        "Look at the pairs; give the images of a pair one name in the column patient, so that they "
        "share a fold, or leave one out. Scores of splits that tear a pair apart can be too high."
    )

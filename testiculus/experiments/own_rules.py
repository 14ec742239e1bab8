"""A flagging rule of one's own as a row of Table 1, read from the same trainings as the article's.

Main function: `flagging_rows`. A rule reads the losses that Table 1's noise protocol records
(article, section 3) and says how suspicious each image is; its row is trained on labels turned
where it is most suspicious.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from testiculus.base.errors import UserError
from testiculus.base.places import runs_folder
from testiculus.base.store import Store
from testiculus.claims.schema import BASELINE
from testiculus.experiments.crossval import RowRun, finish_rows
from testiculus.experiments.curation import Records, flags_frame, loss_records
from testiculus.experiments.scoring import prediction_frame, score_rows
from testiculus.experiments.table1_plan import Plan
from testiculus.noise import known_wrong, separation

# Recorded losses with the images that each run trained on, and the labels (int64, N): how
# suspicious each image is (float, N), the highest the most.
FlagRule = Callable[[Records, np.ndarray], np.ndarray]

FLIPPED, ARTICLES_RULE = "Flipped", "the article's rule"


@dataclass(frozen=True, eq=False)
class Flagging:
    """What `flagging_rows` returns.

    `rules` has one line a rule: rule, flagged, precision, recall, average_precision against the
    label errors that are known (NaN where none are). `results` are tidy. `suspicious` holds what
    each rule flags, bool (N,), by its name.
    """

    rules: pd.DataFrame
    results: pd.DataFrame
    suspicious: dict[str, np.ndarray]


def flagging_rows(
    planned: Plan, rules: Mapping[str, FlagRule], flagged: int | None = None
) -> Flagging:
    """Flag, turn and train by rules of one's own, beside Table 1's Complete and Flipped.

    All rules read the losses of Table 1's noise runs. Each own rule flags its `flagged` most
    suspicious images (None: as many as the article's rule flags), ties going to the image that
    comes first; its row, "Flipped, <name>", is trained on labels turned there. Raises `UserError`
    for a rule that returns no finite number for each image, a number to flag that is out of range,
    and where turning leaves one class to train on.
    """
    store, images = Store(runs_folder()), planned.images
    noise = [
        finish_rows(store, jobs, f"noise runs from {name}")
        for name, jobs in zip(planned.initialisations, planned.noise_jobs, strict=True)
    ]
    records, labels = loss_records([done for runs in noise for done in runs]), images.labels()
    flags = flags_frame(planned, records)
    number = _checked_number(flags["suspicious"].sum() if flagged is None else flagged, len(labels))
    scores = {
        name: _checked_scores(name, rule(records, labels), len(labels))
        for name, rule in rules.items()
    }
    suspicious = {ARTICLES_RULE: flags["suspicious"].to_numpy(dtype=bool)}
    suspicious |= {name: _highest(found, number) for name, found in scores.items()}
    scores[ARTICLES_RULE] = flags["times_flagged"].to_numpy(dtype=np.float64)
    told = [_told(images.frame, name, scores[name], chosen) for name, chosen in suspicious.items()]
    results = _turned_rows(planned, store, list(noise[0]), suspicious)
    return Flagging(pd.DataFrame(told), results, suspicious)


def _checked_scores(name: str, found: object, n: int) -> np.ndarray:
    try:
        scores = np.asarray(found, dtype=np.float64)
    except (TypeError, ValueError):
        scores = np.empty(0)
    if name == ARTICLES_RULE or scores.shape != (n,) or not np.isfinite(scores).all():
        wrong = f"returned no {n} finite numbers" if name != ARTICLES_RULE else "is there already"
        raise UserError(
            f"the rule {name!r} {wrong}",
            remedy="return an array of floats, one for each of the labels and in their order, the "
            "highest the most suspicious, under a name of your own",
        )
    return scores


def _checked_number(number: object, n: int) -> int:
    if isinstance(number, bool) or not hasattr(number, "__index__") or not 0 <= number <= n:
        raise UserError(f"{number!r} images to flag", remedy=f"give a whole number from 0 to {n}")
    return int(number)


def _highest(scores: np.ndarray, number: int) -> np.ndarray:
    chosen = np.zeros(len(scores), dtype=bool)
    chosen[np.argsort(-scores, kind="stable")[:number]] = True
    return chosen


def _told(frame: pd.DataFrame, name: str, scores: np.ndarray, chosen: np.ndarray) -> dict:
    known, wrong = known_wrong(frame)
    found = separation(scores[known], wrong[known], chosen[known])
    return {"rule": name, "flagged": int(chosen.sum()), **found}


def _turned_rows(
    planned: Plan, store: Store, rows: list[RowRun], suspicious: dict[str, np.ndarray]
) -> pd.DataFrame:
    """Return the tidy results of Complete (`rows`, trained already) and of each rule's labels."""
    labels, everyone = planned.images.labels(), np.ones(len(planned.images), dtype=bool)
    curated = {BASELINE: labels}
    for name, chosen in suspicious.items():
        row = FLIPPED if name == ARTICLES_RULE else f"{FLIPPED}, {name}"
        curated[row] = np.where(chosen, 1 - labels, labels)
        _refuse_one_class(planned, row, curated[row])
        jobs = planned.row(row, planned.initialisations[0], curated[row], everyone)
        rows = rows + finish_rows(store, jobs, row)
    return score_rows(prediction_frame(rows, planned.images, curated), "table1")


def _refuse_one_class(planned: Plan, row: str, labels: np.ndarray) -> None:
    for seed, folds in planned.folds.items():
        for fold in np.unique(folds):
            if len(np.unique(labels[folds != fold])) < 2:
                raise UserError(
                    f"{row!r} leaves one class to train on, seed {seed}, fold {fold}",
                    remedy="flag fewer images",
                )

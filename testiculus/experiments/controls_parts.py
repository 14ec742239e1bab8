"""The trainings of the negative controls, table by table; finished runs are found in the store.

`table1_part` trains on labels that mean nothing and curates them by the article's rule;
`encoder_part` probes a table's encoder for such labels; `noise_part` and `untrained_part` pretrain
on pictures of nothing and on the images of an untrained generator.
"""

import warnings
from collections.abc import Iterator, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, field, replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd

from testiculus.base.errors import InputWarning
from testiculus.base.progress import progress
from testiculus.base.store import Store
from testiculus.claims.controls_chance import chance_scores
from testiculus.claims.controls_schema import (
    CHANCE,
    EXPERIMENT,
    NOISE,
    PERMUTED,
    RANDOM_WEIGHTS,
    UNTRAINED,
    row_name,
)
from testiculus.claims.schema import BASELINE, NONE, RESULT_COLUMNS, UD
from testiculus.classification_metrics import scores
from testiculus.experiments.controls_generated import draw_untrained, figure_frame
from testiculus.experiments.controls_labels import meaningless_labels
from testiculus.experiments.controls_plan import ControlsPlan
from testiculus.experiments.crossval import RowRun, Start, finish_rows
from testiculus.experiments.curation import loss_records
from testiculus.experiments.pretraining_plan import Plan
from testiculus.experiments.probing import Frozen, probe_encoders
from testiculus.experiments.row_encoders import Pretrained, Pretraining, finish_pretrainings
from testiculus.experiments.scoring import prediction_frame, score_rows
from testiculus.experiments.synthetic_images import Sifted
from testiculus.noise import flag_table
from testiculus.representation import features, linear_probe

FLIPPED = "Flipped"
CHANCE_METRICS = ("f1", "accuracy")


@dataclass(frozen=True, eq=False)
class Part:
    """What the controls of a table leave: tidy `results`, the `runs` behind them, and the rest."""

    results: pd.DataFrame
    runs: list[Any]
    predictions: pd.DataFrame | None = None
    figures: pd.DataFrame | None = None
    facts: dict[str, Any] = field(default_factory=dict)
    sifted: Sifted | None = None


def table1_part(planned: ControlsPlan, store: Store, executor: Executor | None = None) -> Part:
    """Train on permuted labels, flag by the article's rule, turn what it flags, train again.

    The rule reads the losses of all of Table 1's starts, as it does there; rows train from the
    first. All predictions are scored on the permuted labels (`_original`) and on each row's own.
    """
    labels, images = planned.meaningless, planned.images
    runs = finish_rows(store, planned.permuted_jobs(BASELINE, labels), PERMUTED, executor)
    more = further_starts(planned, store, executor)
    suspicious = flagged(planned, [*runs, *more])
    turned = np.where(suspicious, 1 - labels, labels)
    told = {BASELINE: labels}
    jobs = planned.permuted_jobs(FLIPPED, turned)
    if all(len(np.unique(turned[job.train_index])) == 2 for job in jobs):
        runs = runs + finish_rows(store, jobs, f"{PERMUTED}, {FLIPPED}", executor)
        told[FLIPPED] = turned
    else:
        message = f"{PERMUTED}: {FLIPPED} was not run, it would train on one class"
        warnings.warn(message, InputWarning, stacklevel=2)
    dealt = replace(images, frame=images.frame.assign(label=labels))
    predictions = prediction_frame(runs, dealt, told)
    results = pd.concat(
        [score_rows(predictions, EXPERIMENT, BASELINE), chance_frame(predictions)],
        ignore_index=True,
    )
    names = {row: row_name("table1", row, PERMUTED) for row in told}
    facts = {"flagged": int(suspicious.sum()), "evaluations": _evaluations(planned)}
    facts["labels changed"] = int((labels != images.labels()).sum())
    results, predictions = (f.replace({"row": names}) for f in (results, predictions))
    return Part(results, [*runs, *more], predictions=predictions, facts=facts)


def further_starts(
    planned: ControlsPlan, store: Store, executor: Executor | None = None
) -> list[RowRun]:
    """Train on permuted labels from Table 1's further starts, whose losses alone are read."""
    return [
        done
        for start in planned.table1.initialisations[1:]
        for done in finish_rows(
            store,
            planned.permuted_jobs(BASELINE, planned.meaningless, start),
            f"{PERMUTED}, from {start}",
            executor,
        )
    ]


def flagged(planned: ControlsPlan, runs: Sequence[RowRun]) -> np.ndarray:
    """Return which images (bool, N) the article's rule flags in all of these trainings."""
    rule = planned.table1.rule
    found = flag_table(
        loss_records(runs),
        len(planned.images),
        rule.loss_threshold,
        rule.occasions,
        rule.occasion,
        also=(),
    )
    return found["suspicious"].to_numpy(dtype=bool)


def _evaluations(planned: ControlsPlan) -> int:
    protocol = planned.table1.protocol
    return len(planned.table1.initialisations) * len(protocol.seeds) * (protocol.folds - 1)


def chance_frame(predictions: pd.DataFrame) -> pd.DataFrame:
    """Return, tidy, what each run's predictions would score if they knew nothing of the labels.

    Of the curated labels and, as `_original`, of those that were dealt out.
    """
    lines = []
    for (row, seed, fold), part in predictions.groupby(["row", "seed", "fold"], sort=False):
        claimed = (part["probability"] > 0.5).mean()
        for suffix, column in (("", "curated_label"), ("_original", "label")):
            prevalence = part[column].astype(float).mean()
            lines += _chance_lines((row, seed, fold), prevalence, claimed, suffix)
    return _tidy(lines)


def _chance_lines(
    head: tuple, prevalence: float, claimed: float, suffix: str = "", before: str = ""
) -> Iterator[tuple]:
    told = chance_scores(prevalence, claimed)
    for metric in CHANCE_METRICS:
        yield (*head, f"{before}{metric}{suffix}{CHANCE}", told[metric])


def _tidy(lines: Sequence[tuple]) -> pd.DataFrame:
    """Return lines (row, seed, fold, metric, value) as tidy results."""
    return pd.DataFrame([(EXPERIMENT, *line) for line in lines], columns=RESULT_COLUMNS)


def encoder_part(
    table: str, planned: Plan, wanted: Pretraining, flipped: np.ndarray, store: Store
) -> Part:
    """Probe a table's encoder for its labels (int64, N) dealt out anew, in every partition anew."""
    done = finish_pretrainings(store, [wanted])[0]
    encoder = Frozen(wanted.row, 0, Start(wanted.row, done.file)).encoder()
    found = features(encoder, planned.images.pixels, planned.device)
    lines, name = [], row_name(table, wanted.row, PERMUTED)
    for number, folds in progress(planned.partitions.items(), desc=f"{PERMUTED}, {table}"):
        dealt = meaningless_labels(planned.images.frame, flipped, [folds], "probe", number)
        chances = linear_probe(found, dealt, folds)
        for fold in np.unique(folds):
            head, test = (name, number, int(fold)), folds == fold
            told = scores(dealt[test], chances[test])
            lines += [(*head, f"probe_{metric}", value) for metric, value in told.items()]
            claimed = (chances[test] > 0.5).mean()
            lines += _chance_lines(head, dealt[test].mean(), claimed, before="probe_")
    return Part(_tidy(lines), [done])


def noise_part(
    planned: ControlsPlan, flipped: np.ndarray, store: Store, executor: Executor | None = None
) -> Part:
    """Pretrain on noise, probe and fine-tune as Table 2 does; beside it UD and random weights."""
    told = planned.table2
    ud, noise = finish_pretrainings(store, [planned.ultrasound, planned.noise], executor)
    probed = _probed("table2", told, {NOISE: noise, UD: ud}, flipped)
    jobs = told.row_jobs(NOISE, Start(NOISE, noise.file), flipped)
    tuned = finish_rows(store, jobs, f"{NOISE}, fine-tuning", executor)
    predictions = prediction_frame(tuned, told.images, {NOISE: flipped})
    scored = [score_rows(predictions, EXPERIMENT), chance_frame(predictions)]
    scored = [part.assign(row=row_name("table2", NOISE)) for part in scored]
    results = pd.concat([probed, *scored], ignore_index=True)
    return Part(results, [ud, noise, *tuned])


def untrained_part(
    planned: ControlsPlan, flipped: np.ndarray, store: Store, executor: Executor | None = None
) -> Part:
    """Draw from an untrained generator, measure and filter as Fig. 4 does, pretrain, and probe."""
    sifted = draw_untrained(planned, store)
    figures = figure_frame(planned, sifted)
    done = finish_pretrainings(store, [planned.on_untrained(sifted)], executor)[0]
    probed = _probed("table3", planned.table3, {UNTRAINED: done}, flipped)
    runs = [done, *(SimpleNamespace(run=run) for run in sifted.runs)]
    results = pd.concat([probed, _shares(figures)], ignore_index=True)
    return Part(results, runs, figures=figures, sifted=sifted)


def _shares(figures: pd.DataFrame) -> pd.DataFrame:
    """Return the figures that are fractions as tidy results."""
    shares = figures[figures["metric"] != "frechet_whole"]
    row = row_name("fig4", UNTRAINED)
    return _tidy([(row, 0, 0, found.metric, found.value) for found in shares.itertuples()])


def _probed(
    table: str, planned: Plan, encoders: dict[str, Pretrained], flipped: np.ndarray
) -> pd.DataFrame:
    """Return the probes of encoders on a table's labels, and those of random weights, tidy."""
    frozen = [Frozen(row, 0, Start(row, done.file)) for row, done in encoders.items()]
    frozen.insert(0, Frozen(RANDOM_WEIGHTS, 0, Start(planned.starts[NONE])))
    probes = probe_encoders(
        frozen, planned.images, flipped, planned.truth, planned.partitions, planned.device
    )
    probes = probes[probes["metric"] != "scanner_auc"].assign(experiment=EXPERIMENT)
    probes["row"] = [row_name(table, row) for row in probes["row"]]
    return probes[list(RESULT_COLUMNS)].reset_index(drop=True)

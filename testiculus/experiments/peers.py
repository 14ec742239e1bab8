"""Peers for label noise: six rules read from the same trainings, against labels known to be wrong.

`plan` turns a notebook's parameters into a `PeersPlan`, `run` turns that into a `PeersOutcome`, and
`PeersOutcome.write` puts it where the results contract says. The article's rule is its section 3's;
its peers are described in `noise.peers`.
"""

import time
from collections.abc import Iterator
from concurrent.futures import Executor
from dataclasses import dataclass, replace
from pathlib import Path

import pandas as pd

from testiculus.base.files import write_csv, write_json
from testiculus.base.places import runs_folder
from testiculus.base.store import Store
from testiculus.claims import BASELINE, RESULT_COLUMNS, Conditions
from testiculus.claims.peers import Rankings, choice_frame, judge_peers, summary_frame
from testiculus.claims.peers_schema import slug
from testiculus.claims.schema import ORIGINAL, TRUTH
from testiculus.data.images import ImageSet
from testiculus.experiments.cost import cost
from testiculus.experiments.crossval import RowRun, finish_rows
from testiculus.experiments.peers_plan import EXPERIMENT, PeersPlan
from testiculus.experiments.peers_plan import plan as plan
from testiculus.experiments.peers_runs import curated, curated_jobs, ranked
from testiculus.experiments.scoring import prediction_frame, score_rows
from testiculus.experiments.table1 import SHARED_SETTINGS

__all__ = ["PeersOutcome", "PeersPlan", "plan", "run"]

FRAMES = ("results", "verdicts", "summary", "choice", "scores", "predictions")
DIGITS = 6  # of a score as it is written


@dataclass(frozen=True, eq=False)
class PeersOutcome:
    """All that the page is made of.

    `results` is tidy (experiment, row, seed, fold, metric, value); `scores`, `summary` and `choice`
    are described in `claims.peers_schema`; `predictions` has one line per scored image of the
    retrained rows and of the one they are compared with.
    """

    plan: PeersPlan
    results: pd.DataFrame
    verdicts: pd.DataFrame
    summary: pd.DataFrame
    choice: pd.DataFrame
    scores: pd.DataFrame
    predictions: pd.DataFrame
    cost: dict[str, float]

    @property
    def images(self) -> ImageSet:
        """The labelled images that models were trained and tested on."""
        return self.plan.images

    @property
    def conditions(self) -> Conditions:
        """What the verdicts were reached on."""
        return self.plan.conditions

    def write(self, results: str | Path) -> Path | None:
        """Write the tables under `results`/<data>/<profile>/peers and return that folder.

        An empty `results` writes nothing: that is what a notebook run by hand does.
        """
        if not str(results):
            return None
        folder = Path(results) / self.images.name / self.plan.profile / EXPERIMENT
        for name in FRAMES:
            frame = getattr(self, name)
            write_csv(folder / f"{name}.csv", frame.round(DIGITS) if name == "scores" else frame)
        write_json(folder / "provenance.json", self.about())
        return folder

    def about(self) -> dict:
        """Return settings, data and cost as plain values, for provenance; see Table 1's."""
        told = self.images.settings
        return {
            "settings": self.plan.settings(),
            "not_run": self.plan.not_run,
            "not_planted": self.plan.not_planted,
            "data": self.images.name,
            "data_fingerprint": self.images.fingerprint,
            "data_settings": {name: told[name] for name in SHARED_SETTINGS if name in told},
            "cost": self.cost,
        }


def run(planned: PeersPlan, executor: Executor | None = None) -> PeersOutcome:
    """Train, rank, curate, train again and judge; finished runs are taken from the store."""
    start, store = time.perf_counter(), Store(runs_folder())
    everything, scores = [], {}
    for noisy in planned.conditions_run:
        jobs = planned.noise_jobs[noisy.name]
        runs = finish_rows(store, jobs, noisy.name, executor)
        scores[noisy.name], everything = ranked(planned, noisy, runs), everything + runs
    rows = finish_rows(store, planned.baseline_jobs, BASELINE, executor)
    for name, jobs in curated_jobs(planned, scores[planned.retrained.name]).items():
        rows += finish_rows(store, jobs, name, executor)
    every = pd.concat(scores.values(), ignore_index=True)
    predictions = _predictions(planned, rows, scores[planned.retrained.name])
    rankings = Rankings(every)
    summary = summary_frame(rankings)
    results = result_frame(summary, predictions)
    return PeersOutcome(
        plan=planned,
        results=results,
        verdicts=judge_peers(rankings, results, predictions, planned.conditions),
        summary=summary,
        choice=choice_frame(rankings),
        scores=every,
        predictions=predictions,
        cost=cost([*everything, *rows], time.perf_counter() - start),
    )


def _predictions(planned: PeersPlan, rows: list[RowRun], scores: pd.DataFrame) -> pd.DataFrame:
    """Return the predictions of the retrained rows, with the labels that they were curated from."""
    labels = planned.retrained.labels
    images = replace(planned.images, frame=planned.images.frame.assign(label=labels))
    return prediction_frame(rows, images, {BASELINE: labels, **curated(planned, scores)})


def result_frame(summary: pd.DataFrame, predictions: pd.DataFrame) -> pd.DataFrame:
    """Return the results, tidy: how each rule ranks, and what the retrained models score.

    A ranking rests on all trainings of its condition together: its seed and fold are 0, its metric
    ends in the condition's name. Scores end in `_original` (the labels as planted) or `_truth`, and
    are on all test images.
    """
    columns = {ORIGINAL: "label"}
    if predictions["true_label"].notna().all():
        columns[TRUTH] = "true_label"
    trained = score_rows(predictions, EXPERIMENT, columns=columns)
    return pd.concat(
        [pd.DataFrame(_ranking_lines(summary), columns=RESULT_COLUMNS), trained], ignore_index=True
    )


def _ranking_lines(summary: pd.DataFrame) -> Iterator[tuple]:
    for found in summary.itertuples():
        metric = f"{found.metric}_{slug(found.condition)}"
        yield EXPERIMENT, found.rule, 0, 0, metric, found.value

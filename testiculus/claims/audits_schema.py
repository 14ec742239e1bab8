"""The names that the audits of the protocol are made of: what was trained, what it is scored on.

results   one row per trained variant, seed and fold; a metric's suffix says what it is scored on
effects   one row per audit and reading: how far an error moves a figure, and which way
"""

EXPERIMENT = "audits"

AS_WRITTEN = "as the article says"  # folds of patients, a draw per image, labels as they came
UNGROUPED = "folds of single views"
WRONG_SIDE = "left testes with the right one's label"
ONE_DRAW = "one draw per batch"
ONE_DRAW_UD = "UD, one draw per batch"  # beside Table 2's rows: UD pretrained so, else alike
ROWS = (AS_WRITTEN, UNGROUPED, WRONG_SIDE, ONE_DRAW)

AS_REPORTED = ""  # the test fold, on the labels that the variant reads: what it would print
TRUTH = "_truth"  # the test fold, on true labels
FRESH = "_fresh_truth"  # patients nobody trained on, on true labels: what a model is worth
BEST = "_best"  # as reported, at the epoch that the test fold itself would choose
BEST_FRESH = "_best_fresh_truth"  # patients nobody trained on, at that epoch
DROPPED = "_dropped"  # as reported, without the last incomplete batch: mean over shuffles
DROPPED_SPREAD = "_dropped_sd"  # the standard deviation over these shuffles
SUFFIXES = (AS_REPORTED, TRUTH, FRESH, BEST, BEST_FRESH, DROPPED, DROPPED_SPREAD)

# Of AS_WRITTEN and WRONG_SIDE, from all their trainings together (seed 0, fold 0), as fractions:
# labels that are not the true ones; what the article's rule flags, and how well.
FLAG_METRICS = (
    *("wrong_labels", "flagged", "flag_precision", "flag_recall", "flag_average_precision"),
)

# Made of two of these: precision over the share of wrong labels, which is what flags at random have
# (times); and where it lies between that share and certainty (0: as at random, 1: all are wrong).
FLAG_LIFT, FLAG_ABOVE_CHANCE = "flag_lift", "flag_precision_above_chance"

# A figure against what the same models are worth; and a figure that moves, with or without them.
FLATTERS, UNDERSTATES, UNRESOLVED = "flatters", "understates", "not resolved"
RAISES, LOWERS = "raises the figure", "lowers the figure"
NOT_RUN = "not run"
EFFECT_COLUMNS = (
    *("audit", "error", "point", "metric", "scored_on", "effect", "ci_low", "ci_high", "n"),
    *("direction", "resolvable", "source", "note"),
)

"""What Fig. 5 is told in: the models, the test images, the measures of a map, and the frames.

measures     one row per model, test image, condition and layer: what its Grad-CAM++ map looks at
summary      the mean of each measure of each model, with an interval over patients
differences  the same of two models on the same images
controls     the trained model against what has learnt nothing or does not look
"""

# The models. A row is one recipe of training; it is trained once for each seed and fold.
WITHOUT = "without markers"  # the fine-tuning's augmentation less its markers
WITH = "with markers"  # with them, as the sources train
ROWS = (WITHOUT, WITH)
RANDOM_LABELS = "random labels"  # trained as WITH, on labels permuted among the patients
RANDOM_WEIGHTS = "random weights"  # not trained at all
RANDOM_MAP = "blurred random map"  # no model: noise, as smooth as a map
CENTRE_MAP = "centred map"  # no model: always looks at the middle
CONTROLS = (RANDOM_LABELS, RANDOM_WEIGHTS, RANDOM_MAP, CENTRE_MAP)
BLIND = (RANDOM_MAP, CENTRE_MAP)  # maps that ignore the picture

# The test images, beside one condition for each kind of marker (`markers.KINDS`).
UNMARKED = "unmarked"  # as they are
ALL_KINDS = "all kinds"  # at least one marker of the training's recipe in every image
AS_TRAINED = "as in training"  # marks go with the label as in training: of the dose alone

# What the name of a score ends in, after "_original" or "_truth", in the results.
CONDITION_SUFFIXES = {UNMARKED: "", ALL_KINDS: "_marked", AS_TRAINED: "_as_trained"}

NO_STRENGTH = 0.0  # the share of images labelled positive that carry marks in training

MEASURE_COLUMNS = (
    *("row", "strength", "seed", "fold", "image", "patient", "label", "true_label"),
    *("condition", "layer", "probability", "map"),
    *("energy_parenchyma", "area_parenchyma", "point_parenchyma"),
    *("energy_lesion", "area_lesion", "point_lesion"),
    *("energy_markers", "area_markers", "there_markers", "point_markers", "map_change"),
    *("energy_clear", "change_between"),
)
SUMMARY_COLUMNS = (
    *("row", "strength", "condition", "layer", "measure"),
    *("value", "ci_low", "ci_high", "n_images", "n_patients"),
)
DIFFERENCE_COLUMNS = (
    *("measure", "condition", "strength", "layer", "row", "against"),
    *("value", "ci_low", "ci_high", "n_images", "n_patients"),
)
CONTROL_COLUMNS = (
    *("measure", "row", "against", "value", "control"),
    *("difference", "ci_low", "ci_high", "informative", "n_patients"),
)

# Measures that have a value for each image; scores have one for each run.
MAP_MEASURES = (
    *("energy_parenchyma", "gain_parenchyma", "point_parenchyma"),
    *("energy_lesion", "gain_lesion", "point_lesion"),
    *("energy_markers", "gain_markers", "shift_markers", "point_markers", "map_change"),
    *("energy_clear", "change_between"),
)
PREDICTION_MEASURES = (
    *("probability_change", "probability_change_relative", "probability_shift", "flipped"),
)
IMAGE_MEASURES = (*MAP_MEASURES, *PREDICTION_MEASURES)
SCORES = ("accuracy", "f1", "auc")
SCORE_MEASURES = tuple(f"{score}_{labels}" for labels in ("original", "truth") for score in SCORES)
# What the controls are asked, and of whom: where the model looks, of the one that is to look at the
# tissue; what markers move, of the one that they are said to move. A map that ignores the picture
# has 0 there by definition, and random labels are trained with markers: they answer neither.
CONTROL_MEASURES = {
    UNMARKED: ("energy_parenchyma", "point_parenchyma", "energy_lesion", "point_lesion"),
    ALL_KINDS: ("shift_markers", "map_change", "probability_change_relative"),
}
CONTROLLED = {UNMARKED: (WITH, CONTROLS), ALL_KINDS: (WITHOUT, (RANDOM_WEIGHTS,))}

MEASURE_NAMES = {  # as readers see them, each to be read alone
    "energy_parenchyma": "map's energy inside the parenchyma",
    "gain_parenchyma": "map's energy inside the parenchyma, above the area it covers",
    "point_parenchyma": "map's maximum inside the parenchyma",
    "energy_lesion": "map's energy inside the lesion",
    "gain_lesion": "map's energy inside the lesion, above the area it covers",
    "point_lesion": "map's maximum inside the lesion",
    "energy_markers": "map's energy on the inserted markers",
    "gain_markers": "map's energy on the markers, above the area they cover",
    "shift_markers": "energy drawn to the markers",
    "point_markers": "map's maximum on the inserted markers",
    "map_change": "change of the map",
    "energy_clear": "map's energy inside the parenchyma, away from the markers",
    "change_between": "difference between maps of two images",
    "probability_change": "change of the probability",
    "probability_change_relative": "change of the probability, in the model's standard deviations",
    "probability_shift": "change of the probability, signed",
    "flipped": "decisions that flip",
    "accuracy_original": "accuracy, labels as they came",
    "f1_original": "F1, labels as they came",
    "auc_original": "AUC, labels as they came",
    "accuracy_truth": "accuracy, true labels",
    "f1_truth": "F1, true labels",
    "auc_truth": "AUC, true labels",
}


def model_row(name: str, strength: float = NO_STRENGTH) -> str:
    """Return what the results call the model `name` trained at a bias of `strength`.

    `strength` is the share of images labelled positive that carry marks in training, 0 to 1.

    >>> model_row(WITHOUT, 0.0), model_row(WITHOUT, 0.5)
    ('without markers', 'without markers, bias 0.5')
    """
    return f"{name}, bias {strength:g}" if strength else name

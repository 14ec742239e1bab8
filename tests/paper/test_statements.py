from testiculus.paper.contradictions import DOCUMENTS
from testiculus.paper.statements import statements

STATEMENTS = statements()


def test_ids_are_unique_slugs_and_texts_are_sentences():
    assert len({s.id for s in STATEMENTS}) == len(STATEMENTS) > 30
    for statement in STATEMENTS:
        assert statement.id == statement.id.lower() and " " not in statement.id
        assert statement.says.endswith(".") and statement.place and statement.comparisons
        assert statement.document in (*DOCUMENTS, "USF-MAE page")


def test_a_charitable_reading_says_what_it_is():
    for statement in STATEMENTS:
        assert statement.reading.endswith(".") if statement.fair else True


def test_a_comparison_knows_every_figure_that_it_needs():
    (gain,) = [s for s in STATEMENTS if s.id == "film-most-in-heart-and-kidney"]
    (gap,) = [s for s in STATEMENTS if s.id == "testes-only-favours-recall"]

    assert ("uusic segmentation", "none", "breast dsc") in gain.comparisons[0].cells
    assert ("table2", "UD", "precision") in gap.comparisons[1].cells


def test_every_other_row_is_meant_by_others():
    (best,) = [s for s in STATEMENTS if s.id == "imagenet-is-best"]
    rows = {comparison.right[1] for comparison in best.comparisons}

    assert rows == {"none", "USCL", "UD testes only", "UD thyroids only", "UD"}

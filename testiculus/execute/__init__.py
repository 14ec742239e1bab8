"""Running the notebooks and building the book: papermill, provenance, results folders, pages.

`runner.reproduce` runs one experiment's notebook into a results folder; `book.build` builds the
book from the results that are there. Nothing here computes a result.
"""

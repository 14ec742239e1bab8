"""One module per experiment of the paper: rows become runs, runs become tidy results."""

"""The paper's study of one model over one data set, in one command: run with scripts/replicate."""

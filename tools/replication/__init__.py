"""The paper's first result on a model that can be had anywhere: run with scripts/replication."""

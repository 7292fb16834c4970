"""Queries over the frames of clusters: `plan` says what belongs together, `spark` and `dask` bring it together."""

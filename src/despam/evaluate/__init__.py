"""Measuring: figures, near-copies, promises, attacks, comparisons, the report and the gate.

Knows a model only as a thing that classifies texts, and data only as labelled rows. Refuses to know how a model is
trained: whoever wants cross-validation hands in a function `fit(rows) -> Model`. Standard library only, so that a
gate in CI and a report on a small server need no scientific packages.
"""

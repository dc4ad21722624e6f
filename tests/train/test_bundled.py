"""The bundled model's card says what was measured apart from its training."""

from __future__ import annotations

import pytest

from despam.train import bundled


def test_what_training_takes_is_read_from_the_benchmark_not_timed(monkeypatch: pytest.MonkeyPatch) -> None:
    """A training that timed itself would give other bytes each time."""
    measured = {"P1": {"auc": 0.99}, "training": {"seconds": 60.0, "watt_hours": 0.3, "energy": "estimated: so"}}
    monkeypatch.setattr(bundled, "protocol_figures", lambda: dict(measured))
    card = bundled.base_card([])
    assert card["training"] == measured["training"]
    assert card["figures"] == {"P1": {"auc": 0.99}}
    monkeypatch.setattr(bundled, "protocol_figures", dict)
    assert "training" not in bundled.base_card([])

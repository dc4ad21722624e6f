"""Try settings, rules for a promise and calibrations on sources left out: float weights, one line a variant.

    python benchmarks/unseen.py                                    the recipe, and each setting moved alone: ranking
    python benchmarks/unseen.py --only source_power=-0.5 copies=0  these alone
    python benchmarks/unseen.py --rules [--only copies=0]          rules for a promised 1 %, and calibrations, nested
    python benchmarks/unseen.py --most 0                           all messages of a source, not 2,000

P2's sources, so its figures are kind to whatever is chosen here: decisions 0005 and 0007 say how often each was looked
at. `--rules` is nested: the rule sees scores of the other sources, each left out beside the one measured (36 fits). A
fit knows nothing of a source left out: neither its words' frequency nor a text that is in both.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Sequence

import numpy as np
from accuracy_rows import P2_BESIDE, P2_SOURCES, cleaned, missing
from recipe import variant

from despam import corpus
from despam.evaluate.metrics import Ranking, ece
from despam.train import recipe, training
from despam.train.calibration import platt
from despam.train.recipe import Settings
from despam.train.solver import Problem

MOVES = (
    "copies=0", "leet_copies=0", "word_copies=0", "source_power=-0.5", "source_power=-1", "strength=3", "strength=20",
    "ham_cost=1", "ham_cost=8", "prior_power=0.8", "prior_power=1.7", "shapes=0.6", "shapes=1.4",
    "least_messages=1,many=1", "least_messages=2,grams=1.3", "group_limit=0.7", "group_limit=2", "group_limit=1e6",
)  # fmt: skip
Floats = np.ndarray
Rule = Callable[[list[float]], float]  # shares lost by the sources at a cutoff -> what must not be above 1 %

RULES: dict[str, Rule] = {
    "mean of the sources (chosen)": lambda lost: float(np.mean(lost)),
    "mean, 1.25 times the rate": lambda lost: float(np.mean(lost)) / 1.25,
    "mean, 1.5 times the rate": lambda lost: float(np.mean(lost)) / 1.5,
    "mean, the worst as the second worst": lambda lost: float(np.mean(sorted(lost)[:-1] + sorted(lost)[-2:-1])),
    "mean without the worst": lambda lost: float(np.mean(sorted(lost)[:-1])),
    "the third quarter": lambda lost: float(np.quantile(lost, 0.75)),
    "the worst": max,
    "the median": lambda lost: float(np.median(lost)),
}


class Data:
    """The sources as one table, disguised copies behind."""

    def __init__(self, settings: Settings, most: int) -> None:
        names = [name for name in sorted([*P2_SOURCES, P2_BESIDE]) if name not in missing([name])]
        rows = [row for name in names for row in cleaned(name) or ()]
        self.names = names
        self.sources = [row.source for row in rows]
        self.labels = np.array([1 if row.label == "spam" else -1 for row in rows], np.int8)
        self.source_of = np.array([names.index(name) for name in self.sources])
        self.elsewhere_too = np.array([bool(row.fields.get("also_in")) for row in rows])
        known: dict[str, int] = {}
        self.text_of = np.array([known.setdefault(corpus.normal(row.text, row.mail), len(known)) for row in rows])
        self.most = most
        texts = [row.text for row in rows]
        self.table, self.made_of = training.read_features(
            texts, self.labels, self.sources, settings, lambda stage, done, of: None
        )

    def rows_without(self, left_out: Sequence[int]) -> np.ndarray:
        """Give the rows that a fit without these sources learns from, at most so many a source."""
        held = np.isin(self.source_of, left_out)
        rows = np.flatnonzero(~held & ~self.elsewhere_too & ~np.isin(self.text_of, self.text_of[held]))
        if not self.most:
            return rows
        random = np.random.default_rng(0)
        blocks = [rows[self.source_of[rows] == source] for source in range(len(self.names))]
        return np.concatenate([np.sort(random.permutation(block)[: self.most]) for block in blocks])


class Fits:
    """What `train` learns when sources are left out."""

    def __init__(self, data: Data, settings: Settings) -> None:
        self.data, self.settings = data, settings
        data.table.scales = np.array([settings.scales[group] for group in training.engine.GROUPS])
        own = recipe.make_problem(data.table, data.labels, data.sources, settings)
        self.problem = recipe.with_copies(own, data.made_of, settings)
        self.sums, self.counts, _ = recipe.source_frequencies(data.table, data.sources, data.source_of)

    def without(self, *left_out: int) -> recipe.Weights:
        """Fit without these sources."""
        data, rows = self.data, self.data.rows_without(left_out)
        stay = [source for source in range(len(data.names)) if source not in left_out]
        problem = recipe.problem_without(
            self.problem, self.sums[stay].sum(axis=0) / len(stay), rows.astype(np.int32), self.settings
        )
        return self.fit(problem, rows)

    def fit(self, problem: Problem, rows: np.ndarray) -> recipe.Weights:
        """Fit on some rows and their copies, costs and what is rare told by these rows alone."""
        data = self.data
        costs = np.zeros(len(data.labels))
        costs[rows] = recipe.row_costs(data.labels[rows], [data.sources[row] for row in rows], self.settings)
        problem = problem._replace(costs=np.concatenate([costs, costs[data.made_of] * self.settings.copy_cost]))
        taught = np.zeros(len(data.labels), bool)
        taught[rows] = True
        held_by = data.table.document_counts(0, len(data.labels), taught)
        problem = recipe.without_rare(problem, held_by, self.settings)
        every = np.flatnonzero(np.concatenate([taught, taught[data.made_of]])).astype(np.int32)
        return recipe.fit(data.table, problem, every)

    def scores(self, weights: recipe.Weights, source: int) -> Floats:
        """Score a source."""
        return weights.scores(self.data.table, np.flatnonzero(self.data.source_of == source).astype(np.int32))

    def labels(self, source: int) -> np.ndarray:
        """Give the labels of a source."""
        return self.data.labels[self.data.source_of == source]


def ranking_line(fits: Fits, name: str, before: list[Floats]) -> list[Floats]:
    """Leave each source out, print how the fit ranks it, and how far from `before`; give the scores."""
    begun, found, every = time.perf_counter(), [], []
    for source in counted(fits.data):
        scores, labels = fits.scores(fits.without(source), source), fits.labels(source)
        every.append(scores)
        ranked = Ranking(scores.tolist(), (labels > 0).tolist())
        found.append((ranked.auc() or 0.0, ranked.recall_at(0.01) or 0.0))
    area, recall = np.mean(found, axis=0)
    each = " ".join(f"{pair[1]:.3f}" for pair in found)
    print(f"{name:<44} {area:.4f}   {recall:.4f}   {each}   {time.perf_counter() - begun:.0f} s", flush=True)
    if before:
        low, middle, high = gain(before, every, [fits.labels(source) for source in counted(fits.data)])
        print(
            f"{'':<44} recall against the first line {middle:+.4f}, 95 % interval {low:+.4f} to {high:+.4f}", flush=True
        )
    return every


def gain(before: list[Floats], after: list[Floats], labels: list[np.ndarray]) -> tuple[float, float, float]:
    """Give the interval of the difference in mean recall at 1 %: messages of each source drawn anew 500 times."""
    random, found = np.random.default_rng(0), []
    for _ in range(500):
        drawn = [random.integers(0, len(each), len(each)) for each in labels]
        pairs = zip(before, after, labels, drawn, strict=True)
        found.append(np.mean([caught(b[d], y[d]) - caught(a[d], y[d]) for a, b, y, d in pairs]))
    low, middle, high = np.quantile(found, [0.025, 0.5, 0.975])
    return float(low), float(middle), float(high)


def caught(scores: Floats, labels: np.ndarray) -> float:
    """Give recall at 1 % (Ranking.recall_at, faster)."""
    ham = np.sort(scores[labels < 0])
    return float((scores[labels > 0] > ham[len(ham) - int(0.01 * len(ham)) - 1]).mean())


def counted(data: Data) -> list[int]:
    """Give the sources that are in the mean."""
    return [number for number, name in enumerate(data.names) if name != P2_BESIDE]


def rules(fits: Fits) -> None:
    """Measure rules for a promised 1 % and calibrations; each source's are set on the others."""
    count = len(fits.data.names)
    alone = {source: fits.scores(fits.without(source), source) for source in range(count)}
    beside: dict[tuple[int, int], Floats] = {}  # scores of the second, the first left out too
    for one in range(count):
        for other in range(one):
            weights = fits.without(one, other)
            beside[one, other], beside[other, one] = fits.scores(weights, other), fits.scores(weights, one)
    print(f"{'promised 1 %':<38} lost    worst   recall   lost by source")
    for name, rule in RULES.items():
        show_rule(fits, name, rule, alone, beside)
    print(f"{'probability':<38} ECE     Brier   ECE by source")
    show_calibration(fits, alone, beside)


def show_rule(
    fits: Fits, name: str, rule: Rule, alone: dict[int, Floats], beside: dict[tuple[int, int], Floats]
) -> None:
    """Print what a rule loses and catches on each source."""
    lost, caught = [], []
    for source in counted(fits.data):
        others = [number for number in alone if number != source]
        score = lowest([beside[source, other][fits.labels(other) < 0] for other in others], rule)
        spam = fits.labels(source) > 0
        lost.append(float((alone[source][~spam] >= score).mean()))
        caught.append(float((alone[source][spam] >= score).mean()))
    each = " ".join(f"{share:.3f}" for share in lost)
    print(f"{name:<38} {np.mean(lost):.4f}  {max(lost):.4f}  {np.mean(caught):.3f}    {each}", flush=True)


def lowest(ham: list[Floats], rule: Rule, rate: float = 0.01) -> float:
    """Give the lowest cutoff at which the rule is kept."""
    places = np.unique(np.concatenate(ham))
    low, high = 0, len(places) - 1
    while low < high:
        middle = (low + high) // 2
        if rule([float((scores >= places[middle]).mean()) for scores in ham]) <= rate:
            high = middle
        else:
            low = middle + 1
    return float(places[low]) + 1e-9


def show_calibration(fits: Fits, alone: dict[int, Floats], beside: dict[tuple[int, int], Floats]) -> None:
    """Print the calibration error of a sigmoid set on the other sources left out, and the least any sigmoid reaches."""
    found = []
    for source in counted(fits.data):
        others = [number for number in alone if number != source]
        scores = np.concatenate([beside[source, other] for other in others])
        labels = np.concatenate([fits.labels(other) for other in others])
        weights = np.concatenate([np.full(len(fits.labels(n)), 1 / len(fits.labels(n))) for n in others])
        found.append(errors(alone[source], fits.labels(source), *platt(scores, labels > 0, weights * len(scores))))
    show_errors("sigmoid on sources left out", found)
    grid = [(a, a * shift) for a in (0.5, 1.0, 1.5, 2.0, 3.0, 5.0) for shift in np.arange(-1.0, 3.1, 0.25)]
    every = [[errors(alone[source], fits.labels(source), *pair) for source in counted(fits.data)] for pair in grid]
    show_errors("one sigmoid that knows the answers", min(every, key=lambda pairs: float(np.mean(pairs, axis=0)[0])))


def errors(scores: Floats, labels: np.ndarray, a: float, b: float) -> tuple[float, float]:
    """Give calibration error and Brier score of a sigmoid."""
    said = 1 / (1 + np.exp(-np.clip(a * scores + b, -500, 500)))
    return ece(said.tolist(), (labels > 0).tolist()), float(((said - (labels > 0)) ** 2).mean())


def show_errors(name: str, found: list[tuple[float, float]]) -> None:
    """Print one line."""
    error, brier = np.mean(found, axis=0)
    print(f"{name:<38} {error:.4f}  {brier:.4f}  {' '.join(f'{pair[0]:.3f}' for pair in found)}", flush=True)


def copies_of(settings: Settings) -> tuple[tuple[float, float], ...]:
    """Give the shares that are copied."""
    return settings.leet_copies, settings.marked_copies, settings.word_copies


def main() -> None:
    """Measure each variant."""
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--rules", action="store_true", help="rules for a promise, and calibrations")
    arguments.add_argument("--most", type=int, default=2_000, help="messages of a source to learn from; 0: all")
    arguments.add_argument("--only", nargs="*", default=None, metavar="NAME=VALUE[,NAME=VALUE]")
    options = arguments.parse_args()
    data = Data(Settings(), options.most)
    print(" ".join(data.names[source] for source in counted(data)))
    chosen = options.only if options.only is not None else [] if options.rules else list(MOVES)
    before: list[Floats] = []
    for name, settings in [(move or "the recipe", variant(move)) for move in ["", *chosen]]:
        if copies_of(settings) != copies_of(Settings()):
            fits = Fits(Data(settings, options.most), settings)
        else:
            fits = Fits(data, settings)
        if options.rules:
            print(f"\n{name}")
            rules(fits)
        else:
            scores = ranking_line(fits, name, before)
            before = before or scores


if __name__ == "__main__":
    main()

"""A comparison as Markdown, JSON and CSV: the same numbers as on the Compare page."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import pandas as pd

from core.evaluation.comparison import Comparison, FigureRow, figure_frame
from core.evaluation.confusion import Confusion, confusion
from core.evaluation.metrics import METRICS
from core.evaluation.paired import AucDifference, Pair
from core.evaluation.rules import Cut, Rule, Rules
from core.evaluation.tables import cell
from core.evaluation.undefined import NotDefined
from core.markdown_table import Table, markdown

BEST_MARK = "**{}**"


def figure_table(comparison: Comparison, rows: Sequence[FigureRow]) -> Table:
    """Lay figures out for people: a row per figure, a column per model, the best in bold where it is proven."""
    cells = {
        f"{row.title} ({row.better} is better)": {
            model: BEST_MARK.format(cell(value)) if model == row.best else cell(value)
            for model, value in row.by_model.items()
        }
        for row in rows
    }
    frame = pd.DataFrame.from_dict(cells, orient="index").rename_axis("figure")
    return Table(comparison.joined.title, frame)


def as_markdown(comparison: Comparison, rules: Rules) -> str:
    """Write a comparison as Markdown; of one model alone, the figures of its card only."""
    rows = comparison.figures(rules)
    if len(comparison.joined.models) == 1:
        return markdown(figure_table(comparison, [row for row in rows if row.name in METRICS]))
    pairs = comparison.pairs(rules)
    parts = [
        markdown(figure_table(comparison, rows)),
        "Bold: better than every other model here (paired bootstrap, Holm, p < 0.05). Thresholds: "
        + "; ".join(f"{model} {describe(rules[model])}" for model in comparison.joined.models)
        + ".",
        markdown(Table(f"Paired tests on {comparison.joined.short}", pair_table(pairs))),
        "\n".join(f"- {said}" for said in comparison.sentences(rules)),
        *(
            markdown(
                Table(f"{model} on {comparison.joined.short}: rows true, columns said", matrix_table(matrix))
            )
            for model, matrix in confusion(comparison.joined, rules).items()
        ),
    ]
    return "\n\n".join(parts)


def describe(rule: Rule) -> str:
    """Say a rule in a few words."""
    if isinstance(rule, Cut):
        return f"ai above {rule.at:g}, else human"
    return f"human below {rule.human_below:g}, ai above {rule.ai_above:g}"


def pair_table(pairs: Sequence[Pair]) -> pd.DataFrame:
    """Lay paired tests out for people, a row per pair."""
    rows = {
        f"{pair.first} less {pair.second}": {
            "ΔAUC": cell(pair.auc),
            "p (Holm)": str(pair.auc) if isinstance(pair.auc, NotDefined) else f"{pair.auc.p_holm:.2g}",
            "only the first right": pair.mcnemar.only_first,
            "only the second right": pair.mcnemar.only_second,
            "McNemar": "exact" if pair.mcnemar.exact else "chi-squared",
            "its p (Holm)": f"{pair.mcnemar.p_holm:.2g}",
        }
        for pair in pairs
    }
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("pair")


def matrix_table(matrix: Confusion) -> pd.DataFrame:
    """Lay a confusion matrix out for people: count and share of the row in each cell."""
    rows = {
        label: {
            said: f"{matrix.counts.loc[label, said]} ({_percent(matrix.rates.loc[label, said])})"
            for said in matrix.counts.columns
        }
        for label in matrix.counts.index
    }
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("true")


def as_json(comparisons: Sequence[Comparison], rules: Mapping[str, Rule]) -> str:
    """Write comparisons as a JSON list; what is not defined is an object with the key `not_defined`."""
    return json.dumps(
        [_facts(each, rules) for each in comparisons], ensure_ascii=False, indent=2, allow_nan=False
    )


def as_csv(comparisons: Sequence[Comparison], rules: Rules) -> str:
    """Write the figures of comparisons as CSV: the columns of `figure_frame` after `images`."""
    frames = []
    for comparison in comparisons:
        frame = figure_frame(comparison.figures(rules))
        frame.insert(0, "images", comparison.joined.short)
        frames.append(frame)
    return pd.concat(frames).to_csv(index=False, lineterminator="\n")


def _facts(comparison: Comparison, rules: Rules) -> dict[str, Any]:
    pairs = comparison.pairs(rules)
    return {
        "images": comparison.joined.title,
        "thresholds": {model: asdict(rules[model]) for model in comparison.joined.models},
        "figures": {
            row.name: {
                "better": row.better,
                "best": row.best,
                "values": {
                    model: _undefined(value) if isinstance(value, NotDefined) else value.model_dump()
                    for model, value in row.by_model.items()
                },
            }
            for row in comparison.figures(rules)
        },
        "pairs": [
            {
                "first": pair.first,
                "second": pair.second,
                "auc": asdict(pair.auc) if isinstance(pair.auc, AucDifference) else _undefined(pair.auc),
                "mcnemar": asdict(pair.mcnemar),
                "parts": [asdict(part) for part in pair.parts],
                "sentence": said,
            }
            for pair, said in zip(pairs, comparison.sentences(rules), strict=True)
        ],
        "confusion": {
            model: {
                label: {said: int(row[said]) for said in row.index} for label, row in matrix.counts.iterrows()
            }
            for model, matrix in confusion(comparison.joined, rules).items()
        },
    }


def _undefined(value: NotDefined) -> dict[str, str]:
    return {"not_defined": value.why}


def _percent(rate: object) -> str:
    return f"{rate:.1%}" if isinstance(rate, float) else str(rate)

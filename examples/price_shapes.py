"""V shapes in real daily prices: at least four falling days, then at least four rising ones that win the loss back.

    python examples/price_shapes.py --plot shapes.png

Prints them, and draws them on the price line. The prices are those of the bokeh-sampledata package.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import pandas as pd
from bokeh_sampledata import stocks

from rowpattern import match_recognize

TICKERS = ("AAPL", "FB", "GOOG", "IBM", "MSFT")

SHAPES = """
SELECT * FROM prices MATCH_RECOGNIZE (
    PARTITION BY ticker ORDER BY date
    MEASURES
        FIRST(HIGH.date) AS begun, LAST(DOWN.date) AS lowest, LAST(UP.date) AS ended,
        FIRST(HIGH.close) AS first_price, LAST(DOWN.close) AS lowest_price, LAST(UP.close) AS last_price
    PATTERN (HIGH DOWN{4,} UP{4,})
    DEFINE DOWN AS close < PREV(close), UP AS close > PREV(close)
) WHERE last_price >= first_price
ORDER BY lowest_price / first_price
LIMIT 8"""


def read_prices() -> pd.DataFrame:
    """Return daily closing prices of all tickers: ticker, date, close."""
    frames = [pd.DataFrame(getattr(stocks, ticker)).assign(ticker=ticker) for ticker in TICKERS]
    prices = pd.concat(frames, ignore_index=True)[["ticker", "date", "close"]]
    return prices.assign(date=pd.to_datetime(prices["date"]))


def draw(prices: pd.DataFrame, shapes: pd.DataFrame, path: Path) -> None:
    """Draw each shape on its part of the price line."""
    import matplotlib as mpl

    mpl.use("Agg")
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(2, 4, figsize=(16, 7))
    month = pd.Timedelta(days=20)
    for axis, shape in zip(axes.flat, shapes.itertuples()):
        near = prices[
            (prices["ticker"] == shape.ticker) & prices["date"].between(shape.begun - month, shape.ended + month)
        ]
        axis.plot(near["date"], near["close"], color="0.6", linewidth=1)
        for part, colour in (((shape.begun, shape.lowest), "tab:red"), ((shape.lowest, shape.ended), "tab:green")):
            inside = near[near["date"].between(*part)]
            axis.plot(inside["date"], inside["close"], color=colour, linewidth=2.5, marker="o", markersize=3)
        fall = 100 * (1 - shape.lowest_price / shape.first_price)
        axis.set_title(f"{shape.ticker} {shape.begun:%Y-%m-%d}, down {fall:.1f} %", fontsize=10)
        axis.tick_params(axis="x", labelrotation=30, labelsize=7)
        axis.set_ylabel("closing price, USD", fontsize=8)
    for axis in axes.flat[len(shapes) :]:
        axis.axis("off")
    figure.suptitle("V shapes: four or more falling days (red), four or more rising ones (green)")
    figure.tight_layout()
    figure.savefig(path, dpi=110)


def main() -> None:
    """Print the shapes, and draw them where asked."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--plot", type=Path, help="write a chart, PNG")
    path = parser.parse_args().plot
    prices = read_prices()
    shapes = match_recognize(SHAPES, prices)
    print(shapes.to_string(index=False))
    if path is not None:
        draw(prices, shapes, path)
        print(f"drawn to {path}")


if __name__ == "__main__":
    main()

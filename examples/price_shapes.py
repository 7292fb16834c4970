"""V shapes in real daily prices: at least four falling days, then at least four rising ones that win the loss back.

    python examples/price_shapes.py --plot shapes.png

Prints them, and draws them on the price line. The prices are those of the bokeh-sampledata package.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import pandas as pd
from bokeh_sampledata import stocks

from rowpattern import match_recognize, plot

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

# The rows of the same shapes: the last one wins the loss back.
ROWS = """
SELECT * FROM prices MATCH_RECOGNIZE (
    PARTITION BY ticker ORDER BY date
    MEASURES MATCH_NUMBER() AS match_number, CLASSIFIER() AS classifier
    ALL ROWS PER MATCH
    PATTERN (HIGH DOWN{4,} UP{3,} BACK)
    DEFINE DOWN AS close < PREV(close), UP AS close > PREV(close),
        BACK AS close > PREV(close) AND close >= HIGH.close
)"""
PANELS = ("AAPL 2010", "GOOG 2011")


def read_prices() -> pd.DataFrame:
    """Return daily closing prices of all tickers: ticker, date, close."""
    frames = [pd.DataFrame(getattr(stocks, ticker)).assign(ticker=ticker) for ticker in TICKERS]
    prices = pd.concat(frames, ignore_index=True)[["ticker", "date", "close"]]
    return prices.assign(date=pd.to_datetime(prices["date"]))


def draw(prices: pd.DataFrame, path: Path) -> None:
    """Draw two years of prices with their shapes, by `rowpattern.plot`."""
    rows = match_recognize(ROWS, prices)

    def panels(table: pd.DataFrame) -> pd.DataFrame:
        names = table["ticker"] + " " + table["date"].dt.year.astype(str)
        return table.assign(panel=names)[names.isin(PANELS)]

    title = "Four or more falling days, then four or more rising ones that win the loss back"
    figure = plot(panels(prices), panels(rows), x="date", y="close", partition_by="panel", title=title)
    figure.savefig(path, dpi=100)


def main() -> None:
    """Print the shapes, and draw them where asked."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--plot", type=Path, help="write a chart, PNG")
    path = parser.parse_args().plot
    prices = read_prices()
    shapes = match_recognize(SHAPES, prices)
    print(shapes.to_string(index=False))
    if path is not None:
        draw(prices, path)
        print(f"drawn to {path}")


if __name__ == "__main__":
    main()

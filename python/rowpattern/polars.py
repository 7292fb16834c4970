"""`df.rowpattern.recognize(...)` on frames of Polars, and lazy ones, from the import of this module on.

>>> import polars as pl
>>> import rowpattern.polars
>>> prices = pl.DataFrame({"day": [1, 2, 3, 4, 5], "price": [90, 80, 70, 85, 95]})
>>> prices.rowpattern.recognize(
...     order_by="day",
...     pattern="DOWN+ UP+",
...     define={"DOWN": "price < PREV(price)", "UP": "price > PREV(price)"},
...     measures={"lowest": "LAST(DOWN.price)"},
... ).to_dicts()
[{'lowest': 70}]
"""

from rowpattern.recognition.polars_namespaces import FrameNamespace, LazyFrameNamespace

__all__ = ["FrameNamespace", "LazyFrameNamespace"]

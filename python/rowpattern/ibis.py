"""`rowpattern.ibis.recognize`: the clause over tables of Ibis.

>>> import ibis
>>> import pyarrow as pa
>>> import rowpattern.ibis
>>> prices = ibis.memtable(pa.table({"day": [1, 2, 3, 4, 5], "price": [90, 80, 70, 85, 95]}))
>>> found = rowpattern.ibis.recognize(
...     prices,
...     order_by="day",
...     pattern="DOWN+ UP+",
...     define={"DOWN": prices.price < prices.price.lag(), "UP": "price > PREV(price)"},
...     measures={"lowest": "LAST(DOWN.price)"},
... )
>>> found.to_pyarrow().to_pylist()
[{'lowest': 70}]
"""

from rowpattern.recognition.ibis_tables import recognize

__all__ = ["recognize"]

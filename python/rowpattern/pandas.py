"""`df.rowpattern.recognize(...)` on frames of pandas, from the import of this module on.

>>> import pandas as pd
>>> import rowpattern.pandas
>>> prices = pd.DataFrame({"day": [1, 2, 3, 4, 5], "price": [90, 80, 70, 85, 95]})
>>> prices.rowpattern.recognize(
...     order_by="day",
...     pattern="DOWN+ UP+",
...     define={"DOWN": "price < PREV(price)", "UP": "price > PREV(price)"},
...     measures={"lowest": "LAST(DOWN.price)"},
... ).to_dict("records")
[{'lowest': 70}]
"""

from rowpattern.recognition.pandas_accessor import FrameAccessor

__all__ = ["FrameAccessor"]

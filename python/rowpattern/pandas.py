"""`df.rowpattern.recognize(...)` on frames of pandas, from the import of this module on.

>>> import pandas as pd
>>> import rowpattern.pandas
>>> prices = pd.DataFrame({"day": [1, 2, 3], "price": [3, 2, 4]})
>>> falls = {"order_by": "day", "pattern": "DOWN+", "define": {"DOWN": "price < PREV(price)"}}
>>> prices.rowpattern.recognize(**falls, measures={"ended": "LAST(DOWN.day)"}).to_dict("records")
[{'ended': 2}]
"""

from rowpattern.recognition.pandas_accessor import FrameAccessor

__all__ = ["FrameAccessor"]

"""Settings of a deployment: the documented name of `rowpattern.config.process`."""

from rowpattern.config.process import *  # noqa: F403
from rowpattern.config.process import __all__ as __all__  # noqa: PLC0414

"""`python -m rowpattern`: see `rowpattern.cli`."""

import sys

from rowpattern.cli import main

sys.exit(main())

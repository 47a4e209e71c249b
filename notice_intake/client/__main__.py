"""``python -m notice_intake.client``: the same as ``notice-intake``."""

import sys

from .command import main

if __name__ == "__main__":
    sys.exit(main())

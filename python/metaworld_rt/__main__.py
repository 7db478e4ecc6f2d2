"""`python -m metaworld_rt` is the command `metaworld-rt`."""

import sys

from metaworld_rt.cli import main

if __name__ == "__main__":
    sys.exit(main())

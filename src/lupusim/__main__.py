"""``python -m lupusim``."""

from lupusim.cli import main

if __name__ == "__main__":
    main()

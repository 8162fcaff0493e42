"""``python -m movieembed.cli``."""

from movieembed.cli import main

if __name__ == "__main__":
    main()

"""``python -m movieembed.cli``."""

from movieembed.cli import main

main()

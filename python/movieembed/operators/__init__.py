"""Where the work is done: operators with one interface (``base.py``), one file a place.

``cpu.py`` runs on this machine's cores; ``prepare.py`` makes the operator of a fit.
"""

"""The exercise's experiment: whether the nearest films change with the optimiser, and why.

Every optimiser runs from the same start at each number of components d; its costs, its nearest
films and what they share with the optimum's become tables, a picture and an answer drawn from them.
"""

from movieembed.study.answer import study_answer
from movieembed.study.report import save_study
from movieembed.study.runs import FILMS, run_study
from movieembed.study.tables import Study

__all__ = ["FILMS", "Study", "run_study", "save_study", "study_answer"]

"""The study: several solvers on one data set, their costs, neighbours and an answer."""

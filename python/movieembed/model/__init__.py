"""The fit, and what a fitted embedding answers: neighbours, recommendations, reasons."""

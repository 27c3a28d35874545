"""Predicting whole files with a saved model: constant memory, columns where a file has the features."""

"""What notebooks/dashboard.ipynb shows: cards, figures over time, shares, and their pictures."""

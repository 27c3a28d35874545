"""``/predict``: what would be decided of payments, asked before they are made, in the form that the asker has."""

"""Files of transactions: their rows, what their columns mean, and the records they stand for."""

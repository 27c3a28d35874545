"""The streaming protocol over a file, at full speed: score first, learn when life would tell the label."""

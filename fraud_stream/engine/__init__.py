"""How Faust is made fast and exact: chunks, batched changelogs, offset guards, recovery. It knows nothing of fraud."""

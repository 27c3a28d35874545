"""The order in which a group commit delivers the tables, each after all outputs.

A crash between two deliveries loses only what the source can give again.  The profile says which transactions were
decided, so it comes after everything that only a decision can make (outputs, pending features) and before what any
replay can make again (windows).  So a transaction is decided again only from the profile and windows from which it was
decided first; of what labels tell it may know more by then.
Known frauds come before what waits for labels, which says that a label is joined.
"""

FRAUDS, PENDING, PROFILE, WINDOWS = range(4)

"""The online model: learning, states that travel as plain numbers, scoring of whole chunks."""

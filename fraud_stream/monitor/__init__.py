"""How the workers do: figures and checks, from Prometheus or from the workers themselves."""

"""Agents, one a file: each decodes, calls the domain and sends."""

"""What changes of the engine's code showed to be tested nowhere (see scripts/mutants.py)."""

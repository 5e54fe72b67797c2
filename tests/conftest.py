"""The same examples in each run, and no time limit on one: other work makes machines slow."""

from hypothesis import settings

settings.register_profile("autonn", deadline=None, max_examples=100, derandomize=True)
settings.load_profile("autonn")

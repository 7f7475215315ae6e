"""National-scale benchmark: questions, made-up registers, and a harness that measures sides in turn.

`linkage-server benchmark` runs it on an operator's machine; the project's own benchmarks add the peers to it.
"""

"""Solutions where a request is refused: what they are made of, and the rules by which a solver finds them.

Nothing here knows which solver that is, nor where it runs.
"""

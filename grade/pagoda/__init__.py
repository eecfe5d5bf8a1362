"""Pagoda's test runner: finds tests, runs them under QEMU, and says what they show.

Floors, from the ground: tree, discover, qemu, verdict, run, then features,
mutants, floors and boots side by side, and the command line on top. Python 3.9's
standard library only. The grader is built from the same modules.
"""

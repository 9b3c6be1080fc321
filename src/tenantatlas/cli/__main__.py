"""`python -m tenantatlas.cli`: the same program, for where no entry point is on the path."""

from .main import main

main()

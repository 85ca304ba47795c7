"""`python -m lernbatch`: the same as `lernbatch`."""

from lernbatch.cli import main

main()

"""`python -m throughline`."""

from throughline.cli import main

main()

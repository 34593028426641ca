"""`python -m codomain`: the command line."""

from codomain.cli import main

if __name__ == "__main__":
    main()

"""python -m surveillance: the same as the command `surveillance`."""

from surveillance.cli import main

if __name__ == "__main__":
    main()

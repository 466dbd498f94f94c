"""`python -m lingque` is `lingque`."""

from lingque.entry.cli import main

if __name__ == "__main__":
    main()

"""`python -m wrof` is the command `wrof`."""

from .cli import main

if __name__ == "__main__":
    raise SystemExit(main())

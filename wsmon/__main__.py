"""``python -m wsmon``: the command line; recorders in the background are started this way."""

from wsmon.cli.main import main

if __name__ == "__main__":
    main()

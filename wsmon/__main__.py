"""``python -m wsmon``: how the command starts a recorder."""

from wsmon.cli.main import main

if __name__ == "__main__":
    main()

"""What shells, ``man`` and systemd want to know of the command line; made from the commands themselves."""

"""A terminal that is the same on every machine."""

from tests.support.terminal_environment import fixed_terminal as fixed_terminal
from tests.support.terminal_environment import tmux as tmux

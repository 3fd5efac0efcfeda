"""What wsmon relies on in Textual without a promise of Textual's; a new version that breaks it fails here."""

from __future__ import annotations

import inspect
from queue import Queue

import pytest
from textual.app import App
from textual.driver import Driver
from textual.drivers._writer_thread import WriterThread
from textual.drivers.linux_driver import LinuxDriver

from tests.support.screen_harness import stage
from wsmon.tui.app import WsmonApp
from wsmon.tui.terminal import driver


class Terminal:
    """Where a writer thread would write."""

    def write(self, text: str) -> int:
        return len(text)

    def flush(self) -> None:
        pass


def test_the_writer_thread_has_a_queue_whose_length_can_be_asked() -> None:
    writer = WriterThread(Terminal())  # type: ignore[arg-type]  # a file, as far as it is used
    assert isinstance(writer._queue, Queue)


def test_an_app_has_a_driver_and_the_driver_writes() -> None:
    assert "_driver" in inspect.getsource(App.__init__)
    assert "self._driver.write(" in inspect.getsource(App.copy_to_clipboard)


def test_a_process_that_goes_on_is_told_to_the_driver_which_has_a_loop_a_terminal_and_a_thread_that_reads_it() -> None:
    begun = inspect.getsource(LinuxDriver.__init__)
    assert "signal.signal(signal.SIGCONT, self._sigcont_application)" in begun
    assert "self.fileno = " in begun
    assert "self._loop = " in inspect.getsource(Driver.__init__)
    assert "self._key_thread.join()" in inspect.getsource(LinuxDriver.disable_input)


def test_the_thread_that_writes_gets_the_file_of_the_driver_which_may_be_another_by_then() -> None:
    assert "self._file = " in inspect.getsource(LinuxDriver.__init__)
    assert "WriterThread(self._file)" in inspect.getsource(LinuxDriver.start_application_mode)


def test_an_app_without_a_terminal_has_no_backlog_and_writes_nothing() -> None:
    app: App[None] = App()
    assert (driver.backlog(app), driver.write(app, "\a")) == (0, False)


def test_a_crash_prints_no_local_variables(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_: WsmonApp) -> None:
        token = "canary" + "-7f3a"
        raise RuntimeError(len(token))

    monkeypatch.setattr(WsmonApp, "on_mount", fail)
    app = stage().app
    app.run(headless=True)
    printed = "".join(capsys.readouterr())
    assert "RuntimeError" in printed
    assert "canary-7f3a" not in printed
    assert app.return_code == 1


def test_the_traceback_of_textual_would_have_printed_them() -> None:
    assert "show_locals=True" in inspect.getsource(App._fatal_error)

"""The control socket between recorder and viewer: messages, client, lock of a store, registry of recorders."""

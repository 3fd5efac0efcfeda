"""The recorder process: engine, bus, store and control socket put together."""

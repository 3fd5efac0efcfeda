"""The tables of a store: their SQL, what their columns mean, and the numbers that stand for metrics and dimensions.

``TABLES`` is what migration 1 makes; each later statement belongs to the migration that its comment names
(``migrations.py``). None of them changes once it was released. Names, statuses and opcodes are stored as the integers
of ``codec.py``.
"""

from __future__ import annotations

from typing import Literal

# "wsmn", in the header of the file: file(1) and SQLite tell a store by it
APPLICATION_ID = 0x77736D6E

# PRAGMA user_version of the stores that are written: the number of migrations
SCHEMA_VERSION = 11
# Oldest schema that is read without a migration: readers do without later tables, and see CONNECTION_VIEW
READABLE_VERSION = 5
# First schema with connection.spec
SPEC_VERSION = 7
# First schema with the marks of wsmon.store.search.marks as they are now
INDEX_VERSION = 8

Level = Literal[1, 60, 600, 3600]
# Seconds a rollup bucket lasts
LEVELS: tuple[Level, ...] = (1, 60, 600, 3600)

Metric = Literal["connect", "reconnect", "rtt", "size", "decode", "encode", "process", "latency", "alert"]
# rollup_metric.metric. Durations are in nanoseconds, sizes in bytes
METRICS: dict[Metric, int] = {
    "connect": 1,
    "reconnect": 2,
    "rtt": 3,
    "size": 4,
    # Time that the protocol took to decode a received message, and a sent one
    "decode": 5,
    "encode": 6,
    # From a request to its reply
    "process": 7,
    # Of the feed, where messages carry the time at which they were sent
    "latency": 8,
    # From an error to the delivery of the alert about it
    "alert": 9,
}

Dimension = Literal[
    "error_type", "close_code", "incident", "type", "failed_message", "sequence", "shed", "shed_bytes",
    "error_outcome", "failed_alert",
]  # fmt: skip
# rollup_dim.dimension. Keys are texts, also of close codes; those of failed messages are error types, those of sequence
# the SEQUENCE_COUNTS of incidents that have ended, those of shed and shed_bytes the names of events that were not kept,
# those of error_outcome the outcomes of model/error_recovery.py, those of failed_alert the channels
DIMENSIONS: dict[Dimension, int] = {
    "error_type": 1,
    "close_code": 2,
    "incident": 3,
    "type": 4,
    "failed_message": 5,
    "sequence": 6,
    "shed": 7,
    # Uncompressed
    "shed_bytes": 8,
    "error_outcome": 9,
    "failed_alert": 10,
}

# Keys of a dimension that a bucket keeps, and that statistics show: the most frequent, since a peer may choose them
MOST_KEYS = 100
# rollup_dim.key of all others of a dimension
OTHER = "other"

# The counters of a rollup row, in the order of its columns
COUNTERS = (
    # Rows of the event table
    "events",
    "messages_in",
    "messages_out",
    # Of messages, uncompressed
    "bytes_in",
    "bytes_out",
    # Of messages and heartbeats, as transferred
    "wire_in",
    "wire_out",
    # connection.started
    "attempts",
    # connection.completed
    "opens",
    # websocket_connected → disconnected
    "losses",
    # Any other status → disconnected
    "failures",
    # Events with an error_type
    "errors",
    # heartbeat.sent
    "pings",
    # heartbeat.responded to a ping of the recorder
    "pongs",
    # heartbeat.timeout
    "missed",
)

# Keys of the table meta.
# Random hex, never changed
META_STORE_ID = "store_id"
META_CREATED_NS = "created_ns"
# Newest id that was ever assigned
META_LAST_ID = "last_id"
# Oldest id that is kept; 0 = no event yet
META_OLDEST_ID = "oldest_id"
# Unix second up to which the longer buckets are complete; later seconds are in the buckets of 1 s alone
META_ROLLED_S = "rolled_s"
# Present in a store that holds a part of the events of another, the number of which it is: its ids may have holes
META_EXCERPT = "excerpt"
# Real path of the configuration that was recorded last; empty where it came from the command line
META_CONFIGURATION = "configuration"

TABLES = (
    """
    CREATE TABLE meta (key TEXT PRIMARY KEY, value NOT NULL) WITHOUT ROWID
    """,
    """
    CREATE TABLE run (
        id INTEGER PRIMARY KEY,
        started_ns INTEGER NOT NULL,
        started_mono_ns INTEGER NOT NULL,
        ended_ns INTEGER,
        end TEXT,              -- 'clean', 'abrupt'; NULL while it runs
        first_id INTEGER NOT NULL,
        pid INTEGER NOT NULL,
        version TEXT NOT NULL,
        boot_id TEXT NOT NULL, -- of the machine; monotonic times compare within one boot only
        configuration TEXT NOT NULL,
        digest TEXT NOT NULL
    )
    """,
    """
    CREATE TABLE connection (
        id INTEGER PRIMARY KEY,
        name TEXT NOT NULL UNIQUE,
        position INTEGER NOT NULL DEFAULT 0,
        "group" TEXT NOT NULL DEFAULT '',
        url TEXT NOT NULL DEFAULT '',           -- secrets masked
        enabled INTEGER NOT NULL DEFAULT 1,
        profile TEXT NOT NULL DEFAULT 'detailed',
        protocol TEXT NOT NULL DEFAULT 'auto',
        expect_every_s REAL NOT NULL DEFAULT 0,
        configured INTEGER NOT NULL DEFAULT 0,  -- 0: no longer in the configuration
        -- live: how it is now, written with the events that made it so
        status INTEGER NOT NULL DEFAULT 1,
        since_ns INTEGER NOT NULL DEFAULT 0,
        stalled_since_ns INTEGER,
        attempt INTEGER NOT NULL DEFAULT 0,
        next_attempt_ns INTEGER,
        source INTEGER,                         -- of the newest session
        trace_id TEXT NOT NULL DEFAULT '',
        sessions INTEGER NOT NULL DEFAULT 0,    -- in this run
        last_connected_ns INTEGER,
        last_disconnected_ns INTEGER,
        failing_since_ns INTEGER,
        last_message_ns INTEGER,
        rtt_ns INTEGER,
        last_problem_id INTEGER NOT NULL DEFAULT 0
    )
    """,
    """
    CREATE TABLE source (
        id INTEGER PRIMARY KEY,
        run INTEGER NOT NULL REFERENCES run (id),
        connection INTEGER REFERENCES connection (id),  -- NULL: the recorder's own events
        trace_id TEXT NOT NULL,
        connection_id TEXT NOT NULL                     -- empty between sessions
    )
    """,
    "CREATE INDEX source_by_connection ON source (connection, run)",
    "CREATE INDEX source_by_connection_id ON source (connection_id)",
    """
    CREATE TABLE event (
        id INTEGER PRIMARY KEY,
        ts_ns INTEGER NOT NULL,
        mono_ns INTEGER NOT NULL,
        source INTEGER NOT NULL REFERENCES source (id),
        name INTEGER NOT NULL,
        flags INTEGER NOT NULL,
        opcode INTEGER,
        size INTEGER,
        wire_size INTEGER,
        type TEXT,
        topic TEXT,
        ref TEXT,
        duration_ns INTEGER,
        status,                -- an HTTP status (integer), or 'ok', 'error'
        from_status INTEGER,
        to_status INTEGER,
        close_code INTEGER,
        close_by INTEGER,
        reason TEXT,
        error_type TEXT,
        error TEXT,
        span_id TEXT,
        parent_id TEXT,
        verdict TEXT,          -- JSON
        meta TEXT,             -- JSON
        payload BLOB           -- TEXT where it is valid UTF-8, BLOB otherwise
    )
    """,
    # Names from FIRST_INDEXED_NAME on: messages and healthy heartbeats are in no index and cost nothing
    "CREATE INDEX event_by_name ON event (name, id) WHERE name >= 20",
    """
    CREATE TABLE session (
        id INTEGER PRIMARY KEY REFERENCES source (id),
        connection INTEGER NOT NULL REFERENCES connection (id),
        run INTEGER NOT NULL,
        connection_id TEXT NOT NULL,
        trace_id TEXT NOT NULL,
        attempt INTEGER NOT NULL,
        started_ns INTEGER NOT NULL,
        open_ns INTEGER,       -- usable since; NULL: never
        ended_ns INTEGER,
        end TEXT,              -- 'clean': its end is an event; 'abrupt': its recorder was cut off; NULL while it lives
        close_code INTEGER,
        close_by INTEGER,
        first_id INTEGER NOT NULL,
        last_id INTEGER NOT NULL
    )
    """,
    "CREATE INDEX session_by_connection ON session (connection, started_ns)",
    "CREATE INDEX session_alive ON session (run) WHERE end IS NULL",
    """
    CREATE TABLE transition (
        event_id INTEGER PRIMARY KEY,
        connection INTEGER NOT NULL REFERENCES connection (id),
        source INTEGER NOT NULL REFERENCES source (id),
        ts_ns INTEGER NOT NULL,
        mono_ns INTEGER NOT NULL,
        run INTEGER NOT NULL,
        from_status INTEGER NOT NULL,
        to_status INTEGER NOT NULL,
        name INTEGER NOT NULL
    )
    """,
    "CREATE INDEX transition_by_connection ON transition (connection, ts_ns)",
    "CREATE INDEX transition_by_ts ON transition (ts_ns)",
    """
    CREATE TABLE incident (
        id INTEGER PRIMARY KEY,  -- of the event that opened it
        connection INTEGER NOT NULL REFERENCES connection (id),
        type TEXT NOT NULL,
        opened_ns INTEGER NOT NULL,
        closed_ns INTEGER,       -- NULL: still open
        closed_id INTEGER,
        sentence TEXT NOT NULL
    )
    """,
    "CREATE INDEX incident_by_connection ON incident (connection, opened_ns)",
    f"""
    CREATE TABLE rollup (
        level INTEGER NOT NULL,
        bucket INTEGER NOT NULL,  -- its first second, Unix time
        connection INTEGER NOT NULL REFERENCES connection (id),
        {", ".join(f"{counter} INTEGER NOT NULL" for counter in COUNTERS)},
        PRIMARY KEY (level, bucket, connection)
    ) WITHOUT ROWID
    """,
    """
    CREATE TABLE rollup_dim (
        level INTEGER NOT NULL,
        bucket INTEGER NOT NULL,
        connection INTEGER NOT NULL REFERENCES connection (id),
        dimension INTEGER NOT NULL,
        key TEXT NOT NULL,
        n INTEGER NOT NULL,
        PRIMARY KEY (level, bucket, connection, dimension, key)
    ) WITHOUT ROWID
    """,
    """
    CREATE TABLE rollup_hist (
        level INTEGER NOT NULL,
        bucket INTEGER NOT NULL,
        connection INTEGER NOT NULL REFERENCES connection (id),
        metric INTEGER NOT NULL,
        idx INTEGER NOT NULL,     -- wsmon.model.histogram
        n INTEGER NOT NULL,
        PRIMARY KEY (level, bucket, connection, metric, idx)
    ) WITHOUT ROWID
    """,
    """
    CREATE TABLE rollup_sum (
        level INTEGER NOT NULL,
        bucket INTEGER NOT NULL,
        connection INTEGER NOT NULL REFERENCES connection (id),
        metric INTEGER NOT NULL,
        count INTEGER NOT NULL,
        sum INTEGER NOT NULL,     -- exact, in the metric's unit
        max INTEGER NOT NULL,
        PRIMARY KEY (level, bucket, connection, metric)
    ) WITHOUT ROWID
    """,
)

# Of migration 2. The rows belong to the newest run
SUBSCRIPTIONS = """
CREATE TABLE subscription (
    connection INTEGER NOT NULL REFERENCES connection (id),
    topic TEXT NOT NULL,
    status TEXT NOT NULL,     -- 'active', 'pending' (asked for, or to be restored), 'lost'; others have no row
    since_ns INTEGER NOT NULL,
    PRIMARY KEY (connection, topic)
) WITHOUT ROWID
"""

# Of migration 3. The spans of a trace are those of its sources
SPANS = (
    """
    CREATE TABLE span (
        event_id INTEGER NOT NULL,   -- that ended it
        n INTEGER NOT NULL,          -- one event may end several
        source INTEGER NOT NULL REFERENCES source (id),
        operation TEXT NOT NULL,     -- wsmon.model.span_events
        key TEXT,                    -- correlation id, within the operation and the session
        name TEXT NOT NULL,
        span_id TEXT NOT NULL,
        parent_id TEXT NOT NULL,     -- empty: none
        start_ns INTEGER NOT NULL,
        start_mono_ns INTEGER NOT NULL,
        duration_ns INTEGER,         -- NULL: an orphan, whose start was not recorded
        status TEXT NOT NULL,        -- 'ok', 'error', 'abandoned', 'orphan'
        error_type TEXT,
        error TEXT,
        PRIMARY KEY (event_id, n)
    ) WITHOUT ROWID
    """,
    "CREATE INDEX span_by_source ON span (source)",
)

# Of migration 4. JSON: the thresholds that the configuration sets, by name
KPI_THRESHOLDS = "ALTER TABLE connection ADD COLUMN kpi TEXT NOT NULL DEFAULT '{}'"

# Of migration 5. It replaces rollup_sum and rollup_hist, which had a row for each index of a histogram
ROLLUP_METRIC = """
CREATE TABLE rollup_metric (
    level INTEGER NOT NULL,
    bucket INTEGER NOT NULL,
    connection INTEGER NOT NULL REFERENCES connection (id),
    metric INTEGER NOT NULL,
    count INTEGER NOT NULL,
    sum INTEGER NOT NULL,     -- exact, in the metric's unit
    max INTEGER NOT NULL,
    hist BLOB NOT NULL,       -- wsmon.store.codec.pack
    PRIMARY KEY (level, bucket, connection, metric)
) WITHOUT ROWID
"""

# Of migration 5, which makes buckets of ten minutes of those of one: table, key columns, sums
TEN_MINUTES = (
    ("rollup", "connection", ", ".join(f"sum({counter})" for counter in COUNTERS)),
    ("rollup_dim", "connection, dimension, key", "sum(n)"),
    ("rollup_metric", "connection, metric", "sum(count), sum(sum), max(max), merged(hist)"),
)

# Of migration 6. wsmon.store.search.marks defines the marks
SEARCH_INDEX = (
    """
    CREATE TABLE search_segment (     -- 64 blocks of adjacent events; what lies between two segments is not indexed
        first_id INTEGER PRIMARY KEY,
        last_id INTEGER NOT NULL,
        first_ns INTEGER NOT NULL,    -- the least wall time of its events
        last_ns INTEGER NOT NULL,
        starts BLOB NOT NULL          -- first id of each block, less first_id: 4 bytes each, little-endian
    )
    """,
    """
    CREATE TABLE search_page (
        id INTEGER PRIMARY KEY,       -- first_id of the segment × 32 + number of the page; none for pages without marks
        masks BLOB NOT NULL           -- of 504 marks, which blocks have them: 8 bytes each, little-endian
    )
    """,
)

# Of migration 7: the columns of a connection's configuration as one JSON text
_SPEC = """json_object(
    'group', "group", 'url', url, 'enabled', json(iif(enabled, 'true', 'false')), 'profile', profile,
    'protocol', protocol, 'expect_every_s', expect_every_s, 'kpi', json(kpi)
)"""
CONNECTION_SPEC = (
    # Decoded as wsmon.model.snapshot.StoredSpec
    "ALTER TABLE connection ADD COLUMN spec TEXT NOT NULL DEFAULT '{}'",
    f"UPDATE connection SET spec = {_SPEC}",
    *(
        f'ALTER TABLE connection DROP COLUMN "{column}"'
        for column in ("group", "url", "enabled", "profile", "protocol", "expect_every_s", "kpi")
    ),
)
# Read in place of the table where a store has an older schema
CONNECTION_VIEW = f"CREATE TEMP VIEW connection AS SELECT *, {_SPEC} AS spec FROM main.connection"

# Of migration 8: the index of before has other marks
NO_INDEX = ("DELETE FROM search_segment", "DELETE FROM search_page")

# Of migration 9. Empty where no recorder is at work and none was cut off
JOURNAL = """
CREATE TABLE journal (         -- messages that the rollups do not contain yet, a row a commit
    id INTEGER PRIMARY KEY,
    messages BLOB NOT NULL     -- wsmon.store.journal.MessageTraffic, a list of them as MessagePack
)
"""

# Of migration 10. Processes that report events and number their lines: a line that comes again is known by its number
INGEST = """
CREATE TABLE ingest (
    client TEXT PRIMARY KEY,   -- random hex, of one process
    seq INTEGER NOT NULL,      -- of its last line that is committed, with the event of that line in one transaction
    last_ns INTEGER NOT NULL   -- wall time of that commit; rows of the clients that were silent longest are removed
) WITHOUT ROWID
"""

# Of migration 11. Each request of an application may be a trace of its own, and so a source: ids are looked up, in the
# collation of searches, for which ASCII case does not count
SOURCE_INDEXES = (
    "CREATE INDEX source_by_trace ON source (trace_id COLLATE NOCASE)",
    "CREATE INDEX source_by_session ON source (connection_id COLLATE NOCASE)",
    "DROP INDEX source_by_connection_id",
)

# What each version adds, with what its migration removes: for the comparison of a store with its version
CREATED_BY: dict[int, tuple[str, ...]] = {
    1: TABLES,
    2: (SUBSCRIPTIONS,),
    3: SPANS,
    4: (KPI_THRESHOLDS,),
    5: (ROLLUP_METRIC, "DROP TABLE rollup_hist", "DROP TABLE rollup_sum"),
    6: SEARCH_INDEX,
    7: CONNECTION_SPEC,
    8: NO_INDEX,
    9: (JOURNAL,),
    10: (INGEST,),
    11: SOURCE_INDEXES,
}

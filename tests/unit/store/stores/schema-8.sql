PRAGMA application_id = 2004053358;
PRAGMA user_version = 8;
BEGIN TRANSACTION;
CREATE TABLE "_sqlite_migrations" (
   "id" INTEGER PRIMARY KEY,
   "migration_set" TEXT,
   "name" TEXT,
   "applied_at" TEXT
);
INSERT INTO "_sqlite_migrations" VALUES(1,'wsmon','m001_create','2026-11-30 04:32:51.861036+00:00');
INSERT INTO "_sqlite_migrations" VALUES(2,'wsmon','m002_subscriptions','2026-11-30 04:32:51.862067+00:00');
INSERT INTO "_sqlite_migrations" VALUES(3,'wsmon','m003_spans','2026-11-30 04:32:51.863141+00:00');
INSERT INTO "_sqlite_migrations" VALUES(4,'wsmon','m004_kpis','2026-11-30 04:32:51.882625+00:00');
INSERT INTO "_sqlite_migrations" VALUES(5,'wsmon','m005_packed_histograms','2026-11-30 04:32:51.883571+00:00');
INSERT INTO "_sqlite_migrations" VALUES(6,'wsmon','m006_search_index','2026-11-30 04:32:51.886747+00:00');
INSERT INTO "_sqlite_migrations" VALUES(7,'wsmon','m007_connection_spec','2026-11-30 04:32:51.894885+00:00');
INSERT INTO "_sqlite_migrations" VALUES(8,'wsmon','m008_marks_of_exponents','2026-11-30 04:32:51.895492+00:00');
CREATE TABLE connection (
        id INTEGER PRIMARY KEY,
        name TEXT NOT NULL UNIQUE,
        position INTEGER NOT NULL DEFAULT 0,
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
    , spec TEXT NOT NULL DEFAULT '{}');
INSERT INTO "connection" VALUES(1,'binance-spot',0,1,4,1768057346000000000,NULL,0,NULL,4,'4BF92F3577B34DA6A3CE929D0E0E4736',1,1768057346000000000,1768053749000000000,NULL,1768057347000000000,NULL,0,'{"group":"markets","url":"wss://binance-spot.example.net/ws","enabled":true,"profile":"detailed","protocol":"json","expect_every_s":2.5,"kpi":{"availability":0.5}}');
INSERT INTO "connection" VALUES(2,'deribit',1,1,1,1768057344000000000,NULL,0,NULL,NULL,'Order-Flow-17',0,1768053752200000000,NULL,NULL,1768053757000000000,NULL,0,'{"group":"","url":"wss://deribit.example.net/ws","enabled":true,"profile":"standard","protocol":"auto","expect_every_s":0.0,"kpi":{}}');
INSERT INTO "connection" VALUES(3,'idle',2,1,1,1768057344000000000,NULL,0,NULL,NULL,'',0,NULL,NULL,NULL,NULL,NULL,0,'{"group":"","url":"wss://idle.example.net/ws","enabled":false,"profile":"detailed","protocol":"auto","expect_every_s":0.0,"kpi":{}}');
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
    );
INSERT INTO "event" VALUES(1,1768053744000000000,5000000000000,1,30,0,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,1,2,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,'{"attempt":1,"url":"wss://stream.example.net/ws?token=[FILTERED]"}',NULL);
INSERT INTO "event" VALUES(2,1768053745000000000,5001000000000,1,32,0,NULL,NULL,NULL,NULL,NULL,NULL,212000000,101,3,4,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,'{"dns_ms":3.0,"tcp_ms":11.0,"tls_ms":160.0,"upgrade_ms":38.0,"subprotocol":"v1.stream","extensions":["permessage-deflate"],"request_headers":[["Host","stream.example.net"],["Authorization","[FILTERED]"]],"response_headers":[["Upgrade","websocket"],["Server","nginx/1.25.3"]]}',NULL);
INSERT INTO "event" VALUES(3,1768053745500000000,5001500000000,1,1,1,1,33,37,'trade','BTC',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,'{"e":"trade","price":0.5,"seq":0}');
INSERT INTO "event" VALUES(4,1768053745600000000,5001600000000,1,1,1,1,33,37,'trade','BTC',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,'{"e":"trade","price":1.5,"seq":1}');
INSERT INTO "event" VALUES(5,1768053745700000000,5001700000000,1,1,1,1,33,37,'trade','BTC',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,'{"e":"trade","price":2.5,"seq":2}');
INSERT INTO "event" VALUES(6,1768053745800000000,5001800000000,1,1,1,1,33,37,'trade','BTC',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,'{"e":"trade","price":3.5,"seq":3}');
INSERT INTO "event" VALUES(7,1768053745900000000,5001900000000,1,1,1,1,33,37,'trade','BTC',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,'{"e":"trade","price":4.5,"seq":4}');
INSERT INTO "event" VALUES(8,1768053746000000000,5002000000000,1,1,1,1,33,37,'trade','BTC',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,'{"e":"trade","price":5.5,"seq":5}');
INSERT INTO "event" VALUES(9,1768053746100000000,5002100000000,1,1,1,1,33,37,'trade','BTC',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,'{"e":"trade","price":6.5,"seq":6}');
INSERT INTO "event" VALUES(10,1768053746200000000,5002200000000,1,1,1,1,33,37,'trade','BTC',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,'{"e":"trade","price":7.5,"seq":7}');
INSERT INTO "event" VALUES(11,1768053746300000000,5002300000000,1,1,1,1,33,37,'trade','BTC',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,'{"e":"trade","price":8.5,"seq":8}');
INSERT INTO "event" VALUES(12,1768053746400000000,5002400000000,1,1,1,1,33,37,'trade','BTC',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,'{"e":"trade","price":9.5,"seq":9}');
INSERT INTO "event" VALUES(13,1768053746500000000,5002500000000,1,1,1,1,35,39,'trade','BTC',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,'{"e":"trade","price":10.5,"seq":10}');
INSERT INTO "event" VALUES(14,1768053746600000000,5002600000000,1,1,1,1,35,39,'trade','BTC',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,'{"e":"trade","price":11.5,"seq":11}');
INSERT INTO "event" VALUES(15,1768053746700000000,5002700000000,1,1,1,1,35,39,'trade','BTC',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,'{"e":"trade","price":12.5,"seq":12}');
INSERT INTO "event" VALUES(16,1768053746800000000,5002800000000,1,1,1,1,35,39,'trade','BTC',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,'{"e":"trade","price":13.5,"seq":13}');
INSERT INTO "event" VALUES(17,1768053746900000000,5002900000000,1,1,1,1,35,39,'trade','BTC',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,'{"e":"trade","price":14.5,"seq":14}');
INSERT INTO "event" VALUES(18,1768053747000000000,5003000000000,1,1,1,1,35,39,'trade','BTC',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,'{"e":"trade","price":15.5,"seq":15}');
INSERT INTO "event" VALUES(19,1768053747100000000,5003100000000,1,1,1,1,35,39,'trade','BTC',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,'{"e":"trade","price":16.5,"seq":16}');
INSERT INTO "event" VALUES(20,1768053747200000000,5003200000000,1,1,1,1,35,39,'trade','BTC',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,'{"e":"trade","price":17.5,"seq":17}');
INSERT INTO "event" VALUES(21,1768053747300000000,5003300000000,1,1,1,1,35,39,'trade','BTC',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,'{"e":"trade","price":18.5,"seq":18}');
INSERT INTO "event" VALUES(22,1768053747400000000,5003400000000,1,1,1,1,35,39,'trade','BTC',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,'{"e":"trade","price":19.5,"seq":19}');
INSERT INTO "event" VALUES(23,1768053746000000000,5002000000000,1,2,2,1,30,34,'order',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,'{"op":"subscribe","häß":"x"}');
INSERT INTO "event" VALUES(24,1768053748000000000,5004000000000,1,12,1,10,4,NULL,NULL,NULL,NULL,18000000,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,'');
INSERT INTO "event" VALUES(25,1768053749000000000,5005000000000,1,33,0,NULL,NULL,NULL,NULL,NULL,NULL,400000000,NULL,4,5,1008,1,'rate limit: 5 connections',NULL,NULL,NULL,NULL,'{"by":"peer","code":"1008 policy violation","cause":"“rate limit: 5 connections”, 1008 by peer; the server limits how much or how often, and the limit was reached","next":"send and subscribe less at a time, open fewer connections, and compare with the limits of the service","evidence":[],"evidence_text":"","certainty":"stated"}','{"attempt":1,"open":true,"last_in_ms":120.0,"last_out_ms":400.0,"received":{"code":1008,"reason":"rate limit: 5 connections"},"first":"received"}',NULL);
INSERT INTO "event" VALUES(26,1768053750000000000,5006000000000,2,30,0,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,6,2,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,'{"attempt":2,"url":"wss://stream.example.net/ws?token=[FILTERED]"}',NULL);
INSERT INTO "event" VALUES(27,1768053751000000000,5007000000000,2,32,0,NULL,NULL,NULL,NULL,NULL,NULL,300000000,101,3,4,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,'{"dns_ms":3.0,"tcp_ms":11.0,"tls_ms":160.0,"upgrade_ms":38.0,"subprotocol":"v1.stream","extensions":["permessage-deflate"],"request_headers":[["Host","stream.example.net"],["Authorization","[FILTERED]"]],"response_headers":[["Upgrade","websocket"],["Server","nginx/1.25.3"]]}',NULL);
INSERT INTO "event" VALUES(28,1768053751500000000,5007500000000,2,1,1,1,40,44,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,'xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx');
INSERT INTO "event" VALUES(29,1768053752000000000,5008000000000,3,30,0,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,1,2,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,'{"attempt":1,"url":"wss://stream.example.net/ws?token=[FILTERED]"}',NULL);
INSERT INTO "event" VALUES(30,1768053752200000000,5008200000000,3,32,0,NULL,NULL,NULL,NULL,NULL,NULL,90000000,101,3,4,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,'{"dns_ms":3.0,"tcp_ms":11.0,"tls_ms":160.0,"upgrade_ms":38.0,"subprotocol":"v1.stream","extensions":["permessage-deflate"],"request_headers":[["Host","stream.example.net"],["Authorization","[FILTERED]"]],"response_headers":[["Upgrade","websocket"],["Server","nginx/1.25.3"]]}',NULL);
INSERT INTO "event" VALUES(31,1768053759000000000,5015000000000,3,9,0,NULL,0,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,'{"count":1,"total_size":11,"received":{"count":1,"total_size":11},"sent":{"count":0,"total_size":0},"since_ns":1768053753000000000}',NULL);
INSERT INTO "event" VALUES(32,1768053759000000000,5015000000000,3,9,0,NULL,0,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,'{"count":1,"total_size":11,"received":{"count":1,"total_size":11},"sent":{"count":0,"total_size":0},"since_ns":1768053754000000000}',NULL);
INSERT INTO "event" VALUES(33,1768053759000000000,5015000000000,3,9,0,NULL,0,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,'{"count":1,"total_size":11,"received":{"count":1,"total_size":11},"sent":{"count":0,"total_size":0},"since_ns":1768053755000000000}',NULL);
INSERT INTO "event" VALUES(34,1768053759000000000,5015000000000,3,9,0,NULL,0,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,'{"count":1,"total_size":11,"received":{"count":1,"total_size":11},"sent":{"count":0,"total_size":0},"since_ns":1768053756000000000}',NULL);
INSERT INTO "event" VALUES(35,1768053759000000000,5015000000000,3,9,0,NULL,0,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,'{"count":1,"total_size":11,"received":{"count":1,"total_size":11},"sent":{"count":0,"total_size":0},"since_ns":1768053757000000000}',NULL);
INSERT INTO "event" VALUES(36,1768053759000000000,5015000000000,3,36,0,NULL,NULL,NULL,NULL,NULL,NULL,NULL,403,3,5,NULL,6,NULL,'http_status','the server answered HTTP 403',NULL,NULL,'{"by":"refusal","code":"HTTP 403 Forbidden","cause":"the server answered HTTP 403; the body says “no key”; HTTP 403 usually means: the server does not allow this: possibly rights, Origin, address or country, a firewall in front of it, or host and path of the URL","next":"check what the credentials are allowed to do, the Origin header, host and path of the URL, and whether this address may connect; what the answer says comes first","evidence":[],"evidence_text":"no key","certainty":"inferred"}','{"attempt":2,"open":false,"response_headers":[["Content-Type","text/plain"]],"body":"no key"}',NULL);
INSERT INTO "event" VALUES(37,1768057345000000000,8601000000000,4,30,0,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,1,2,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,'{"attempt":1,"url":"wss://stream.example.net/ws?token=[FILTERED]"}',NULL);
INSERT INTO "event" VALUES(38,1768057346000000000,8602000000000,4,32,0,NULL,NULL,NULL,NULL,NULL,NULL,150000000,101,3,4,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,'{"dns_ms":3.0,"tcp_ms":11.0,"tls_ms":160.0,"upgrade_ms":38.0,"subprotocol":"v1.stream","extensions":["permessage-deflate"],"request_headers":[["Host","stream.example.net"],["Authorization","[FILTERED]"]],"response_headers":[["Upgrade","websocket"],["Server","nginx/1.25.3"]]}',NULL);
INSERT INTO "event" VALUES(39,1768057347000000000,8603000000000,4,1,1,1,5,9,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,'hello');
CREATE TABLE incident (
        id INTEGER PRIMARY KEY,  -- of the event that opened it
        connection INTEGER NOT NULL REFERENCES connection (id),
        type TEXT NOT NULL,
        opened_ns INTEGER NOT NULL,
        closed_ns INTEGER,       -- NULL: still open
        closed_id INTEGER,
        sentence TEXT NOT NULL
    );
CREATE TABLE meta (key TEXT PRIMARY KEY, value NOT NULL) WITHOUT ROWID
    ;
INSERT INTO "meta" VALUES('configuration','');
INSERT INTO "meta" VALUES('created_ns',1796013171000000000);
INSERT INTO "meta" VALUES('last_id',39);
INSERT INTO "meta" VALUES('oldest_id',1);
INSERT INTO "meta" VALUES('rolled_s',1768057349);
INSERT INTO "meta" VALUES('store_id','b21e1c1dbc4e68cabc2fb64165718209');
CREATE TABLE rollup (
        level INTEGER NOT NULL,
        bucket INTEGER NOT NULL,  -- its first second, Unix time
        connection INTEGER NOT NULL REFERENCES connection (id),
        events INTEGER NOT NULL, messages_in INTEGER NOT NULL, messages_out INTEGER NOT NULL, bytes_in INTEGER NOT NULL, bytes_out INTEGER NOT NULL, wire_in INTEGER NOT NULL, wire_out INTEGER NOT NULL, attempts INTEGER NOT NULL, opens INTEGER NOT NULL, losses INTEGER NOT NULL, failures INTEGER NOT NULL, errors INTEGER NOT NULL, pings INTEGER NOT NULL, pongs INTEGER NOT NULL, missed INTEGER NOT NULL,
        PRIMARY KEY (level, bucket, connection)
    ) WITHOUT ROWID
    ;
INSERT INTO "rollup" VALUES(1,1768053744,1,1,0,0,0,0,0,0,1,0,0,0,0,0,0,0);
INSERT INTO "rollup" VALUES(1,1768053745,1,6,5,0,165,0,185,0,0,1,0,0,0,0,0,0);
INSERT INTO "rollup" VALUES(1,1768053746,1,11,10,1,340,30,380,34,0,0,0,0,0,0,0,0);
INSERT INTO "rollup" VALUES(1,1768053747,1,5,5,0,175,0,195,0,0,0,0,0,0,0,0,0);
INSERT INTO "rollup" VALUES(1,1768053748,1,1,0,0,0,0,0,0,0,0,0,0,0,0,1,0);
INSERT INTO "rollup" VALUES(1,1768053749,1,1,0,0,0,0,0,0,0,0,1,0,0,0,0,0);
INSERT INTO "rollup" VALUES(1,1768053750,1,1,0,0,0,0,0,0,1,0,0,0,0,0,0,0);
INSERT INTO "rollup" VALUES(1,1768053751,1,2,1,0,40,0,44,0,0,1,0,0,0,0,0,0);
INSERT INTO "rollup" VALUES(1,1768053752,2,2,0,0,0,0,0,0,1,1,0,0,0,0,0,0);
INSERT INTO "rollup" VALUES(1,1768053753,2,0,1,0,11,0,15,0,0,0,0,0,0,0,0,0);
INSERT INTO "rollup" VALUES(1,1768053754,2,0,1,0,11,0,15,0,0,0,0,0,0,0,0,0);
INSERT INTO "rollup" VALUES(1,1768053755,2,0,1,0,11,0,15,0,0,0,0,0,0,0,0,0);
INSERT INTO "rollup" VALUES(1,1768053756,2,0,1,0,11,0,15,0,0,0,0,0,0,0,0,0);
INSERT INTO "rollup" VALUES(1,1768053757,2,0,1,0,11,0,15,0,0,0,0,0,0,0,0,0);
INSERT INTO "rollup" VALUES(1,1768053759,2,6,0,0,0,0,0,0,0,0,0,1,1,0,0,0);
INSERT INTO "rollup" VALUES(1,1768057345,1,1,0,0,0,0,0,0,1,0,0,0,0,0,0,0);
INSERT INTO "rollup" VALUES(1,1768057346,1,1,0,0,0,0,0,0,0,1,0,0,0,0,0,0);
INSERT INTO "rollup" VALUES(1,1768057347,1,1,1,0,5,0,9,0,0,0,0,0,0,0,0,0);
INSERT INTO "rollup" VALUES(60,1768053720,1,28,21,1,720,30,804,34,2,2,1,0,0,0,1,0);
INSERT INTO "rollup" VALUES(60,1768053720,2,8,5,0,55,0,75,0,1,1,0,1,1,0,0,0);
INSERT INTO "rollup" VALUES(60,1768057320,1,3,1,0,5,0,9,0,1,1,0,0,0,0,0,0);
INSERT INTO "rollup" VALUES(600,1768053600,1,28,21,1,720,30,804,34,2,2,1,0,0,0,1,0);
INSERT INTO "rollup" VALUES(600,1768053600,2,8,5,0,55,0,75,0,1,1,0,1,1,0,0,0);
INSERT INTO "rollup" VALUES(600,1768057200,1,3,1,0,5,0,9,0,1,1,0,0,0,0,0,0);
INSERT INTO "rollup" VALUES(3600,1768053600,1,28,21,1,720,30,804,34,2,2,1,0,0,0,1,0);
INSERT INTO "rollup" VALUES(3600,1768053600,2,8,5,0,55,0,75,0,1,1,0,1,1,0,0,0);
INSERT INTO "rollup" VALUES(3600,1768057200,1,3,1,0,5,0,9,0,1,1,0,0,0,0,0,0);
CREATE TABLE rollup_dim (
        level INTEGER NOT NULL,
        bucket INTEGER NOT NULL,
        connection INTEGER NOT NULL REFERENCES connection (id),
        dimension INTEGER NOT NULL,
        key TEXT NOT NULL,
        n INTEGER NOT NULL,
        PRIMARY KEY (level, bucket, connection, dimension, key)
    ) WITHOUT ROWID
    ;
INSERT INTO "rollup_dim" VALUES(1,1768053745,1,4,'trade',5);
INSERT INTO "rollup_dim" VALUES(1,1768053746,1,4,'order',1);
INSERT INTO "rollup_dim" VALUES(1,1768053746,1,4,'trade',10);
INSERT INTO "rollup_dim" VALUES(1,1768053747,1,4,'trade',5);
INSERT INTO "rollup_dim" VALUES(1,1768053749,1,2,'1008',1);
INSERT INTO "rollup_dim" VALUES(1,1768053759,2,1,'http_status',1);
INSERT INTO "rollup_dim" VALUES(60,1768053720,1,2,'1008',1);
INSERT INTO "rollup_dim" VALUES(60,1768053720,1,4,'order',1);
INSERT INTO "rollup_dim" VALUES(60,1768053720,1,4,'trade',20);
INSERT INTO "rollup_dim" VALUES(60,1768053720,2,1,'http_status',1);
INSERT INTO "rollup_dim" VALUES(600,1768053600,1,2,'1008',1);
INSERT INTO "rollup_dim" VALUES(600,1768053600,1,4,'order',1);
INSERT INTO "rollup_dim" VALUES(600,1768053600,1,4,'trade',20);
INSERT INTO "rollup_dim" VALUES(600,1768053600,2,1,'http_status',1);
INSERT INTO "rollup_dim" VALUES(3600,1768053600,1,2,'1008',1);
INSERT INTO "rollup_dim" VALUES(3600,1768053600,1,4,'order',1);
INSERT INTO "rollup_dim" VALUES(3600,1768053600,1,4,'trade',20);
INSERT INTO "rollup_dim" VALUES(3600,1768053600,2,1,'http_status',1);
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
;
INSERT INTO "rollup_metric" VALUES(1,1768053745,1,1,1,212000000,212000000,X'0175030000000001');
INSERT INTO "rollup_metric" VALUES(1,1768053745,1,4,5,165,33,X'01A1000000000005');
INSERT INTO "rollup_metric" VALUES(1,1768053746,1,4,11,370,35,X'019D00000000000100000005000005');
INSERT INTO "rollup_metric" VALUES(1,1768053747,1,4,5,175,35,X'01A4000000000005');
INSERT INTO "rollup_metric" VALUES(1,1768053748,1,3,1,18000000,18000000,X'0103030000000001');
INSERT INTO "rollup_metric" VALUES(1,1768053751,1,1,1,300000000,300000000,X'0185030000000001');
INSERT INTO "rollup_metric" VALUES(1,1768053751,1,4,1,40,40,X'01AA000000000001');
INSERT INTO "rollup_metric" VALUES(1,1768053752,2,1,1,90000000,90000000,X'014D030000000001');
INSERT INTO "rollup_metric" VALUES(1,1768053753,2,4,1,11,11,X'016E000000000001');
INSERT INTO "rollup_metric" VALUES(1,1768053754,2,4,1,11,11,X'016E000000000001');
INSERT INTO "rollup_metric" VALUES(1,1768053755,2,4,1,11,11,X'016E000000000001');
INSERT INTO "rollup_metric" VALUES(1,1768053756,2,4,1,11,11,X'016E000000000001');
INSERT INTO "rollup_metric" VALUES(1,1768053757,2,4,1,11,11,X'016E000000000001');
INSERT INTO "rollup_metric" VALUES(1,1768057346,1,1,1,150000000,150000000,X'0165030000000001');
INSERT INTO "rollup_metric" VALUES(1,1768057347,1,4,1,5,5,X'014A000000000001');
INSERT INTO "rollup_metric" VALUES(60,1768053720,1,1,2,512000000,300000000,X'017503000000000100000000000000000000000000000001');
INSERT INTO "rollup_metric" VALUES(60,1768053720,1,3,1,18000000,18000000,X'0103030000000001');
INSERT INTO "rollup_metric" VALUES(60,1768053720,1,4,22,750,40,X'019D0000000000010000000A00000A000000000001');
INSERT INTO "rollup_metric" VALUES(60,1768053720,2,1,1,90000000,90000000,X'014D030000000001');
INSERT INTO "rollup_metric" VALUES(60,1768053720,2,4,5,55,11,X'016E000000000005');
INSERT INTO "rollup_metric" VALUES(60,1768057320,1,1,1,150000000,150000000,X'0165030000000001');
INSERT INTO "rollup_metric" VALUES(60,1768057320,1,4,1,5,5,X'014A000000000001');
INSERT INTO "rollup_metric" VALUES(600,1768053600,1,1,2,512000000,300000000,X'017503000000000100000000000000000000000000000001');
INSERT INTO "rollup_metric" VALUES(600,1768053600,1,3,1,18000000,18000000,X'0103030000000001');
INSERT INTO "rollup_metric" VALUES(600,1768053600,1,4,22,750,40,X'019D0000000000010000000A00000A000000000001');
INSERT INTO "rollup_metric" VALUES(600,1768053600,2,1,1,90000000,90000000,X'014D030000000001');
INSERT INTO "rollup_metric" VALUES(600,1768053600,2,4,5,55,11,X'016E000000000005');
INSERT INTO "rollup_metric" VALUES(600,1768057200,1,1,1,150000000,150000000,X'0165030000000001');
INSERT INTO "rollup_metric" VALUES(600,1768057200,1,4,1,5,5,X'014A000000000001');
INSERT INTO "rollup_metric" VALUES(3600,1768053600,1,1,2,512000000,300000000,X'017503000000000100000000000000000000000000000001');
INSERT INTO "rollup_metric" VALUES(3600,1768053600,1,3,1,18000000,18000000,X'0103030000000001');
INSERT INTO "rollup_metric" VALUES(3600,1768053600,1,4,22,750,40,X'019D0000000000010000000A00000A000000000001');
INSERT INTO "rollup_metric" VALUES(3600,1768053600,2,1,1,90000000,90000000,X'014D030000000001');
INSERT INTO "rollup_metric" VALUES(3600,1768053600,2,4,5,55,11,X'016E000000000005');
INSERT INTO "rollup_metric" VALUES(3600,1768057200,1,1,1,150000000,150000000,X'0165030000000001');
INSERT INTO "rollup_metric" VALUES(3600,1768057200,1,4,1,5,5,X'014A000000000001');
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
    );
INSERT INTO "run" VALUES(1,1768053744000000000,5000000000000,1768053824000000000,'clean',1,812,'0.1.0','boot-1','','');
INSERT INTO "run" VALUES(2,1768057344000000000,8600000000000,NULL,NULL,37,812,'0.1.0','boot-1','','');
CREATE TABLE search_page (
        id INTEGER PRIMARY KEY,       -- first_id of the segment × 32 + number of the page; none for pages without marks
        masks BLOB NOT NULL           -- of 504 marks, which blocks have them: 8 bytes each, little-endian
    );
CREATE TABLE search_segment (     -- 64 blocks of adjacent events; what lies between two segments is not indexed
        first_id INTEGER PRIMARY KEY,
        last_id INTEGER NOT NULL,
        first_ns INTEGER NOT NULL,    -- the least wall time of its events
        last_ns INTEGER NOT NULL,
        starts BLOB NOT NULL          -- first id of each block, less first_id: 4 bytes each, little-endian
    );
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
    );
INSERT INTO "session" VALUES(1,1,1,'00c0ffee00c0ffee','4bf92f3577b34da6a3ce929d0e0e4736',1,1768053744000000000,1768053745000000000,1768053749000000000,'clean',1008,1,1,25);
INSERT INTO "session" VALUES(2,1,1,'00c0ffee00c0ff01','4bf92f3577b34da6a3ce929d0e0e4736',2,1768053750000000000,1768053751000000000,1768053824000000000,'abrupt',NULL,NULL,26,28);
INSERT INTO "session" VALUES(3,2,1,'00DECADE00decade','Order-Flow-17',1,1768053752000000000,1768053752200000000,1768053759000000000,'clean',NULL,6,29,36);
INSERT INTO "session" VALUES(4,1,2,'00c0ffee00c0ff02','4BF92F3577B34DA6A3CE929D0E0E4736',1,1768057345000000000,1768057346000000000,NULL,NULL,NULL,NULL,37,39);
CREATE TABLE source (
        id INTEGER PRIMARY KEY,
        run INTEGER NOT NULL REFERENCES run (id),
        connection INTEGER REFERENCES connection (id),  -- NULL: the recorder's own events
        trace_id TEXT NOT NULL,
        connection_id TEXT NOT NULL                     -- empty between sessions
    );
INSERT INTO "source" VALUES(1,1,1,'4bf92f3577b34da6a3ce929d0e0e4736','00c0ffee00c0ffee');
INSERT INTO "source" VALUES(2,1,1,'4bf92f3577b34da6a3ce929d0e0e4736','00c0ffee00c0ff01');
INSERT INTO "source" VALUES(3,1,2,'Order-Flow-17','00DECADE00decade');
INSERT INTO "source" VALUES(4,2,1,'4BF92F3577B34DA6A3CE929D0E0E4736','00c0ffee00c0ff02');
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
    ;
INSERT INTO "span" VALUES(2,0,1,'upgrade',NULL,'upgrade','d32578320032a643','00c0ffee00c0ffee',1768053744962000000,5000962000000,38000000,'ok',NULL,NULL);
INSERT INTO "span" VALUES(2,1,1,'tls',NULL,'tls','1432ba3a31016272','00c0ffee00c0ffee',1768053744802000000,5000802000000,160000000,'ok',NULL,NULL);
INSERT INTO "span" VALUES(2,2,1,'tcp',NULL,'tcp','5def1f7c22f206c0','00c0ffee00c0ffee',1768053744791000000,5000791000000,11000000,'ok',NULL,NULL);
INSERT INTO "span" VALUES(2,3,1,'dns',NULL,'dns','564d1c7676fc2498','00c0ffee00c0ffee',1768053744788000000,5000788000000,3000000,'ok',NULL,NULL);
INSERT INTO "span" VALUES(24,0,1,'heartbeat',NULL,'heartbeat','a9cb864ab2038e68','00c0ffee00c0ffee',1768053747982000000,5003982000000,18000000,'ok',NULL,NULL);
INSERT INTO "span" VALUES(25,0,1,'session',NULL,'binance-spot','00c0ffee00c0ffee','',1768053744000000000,5000000000000,5000000000,'error','close_1008','rate limit: 5 connections');
INSERT INTO "span" VALUES(27,0,2,'upgrade',NULL,'upgrade','bc9b5d134a00b9ff','00c0ffee00c0ff01',1768053750962000000,5006962000000,38000000,'ok',NULL,NULL);
INSERT INTO "span" VALUES(27,1,2,'tls',NULL,'tls','9f833e242973e3a9','00c0ffee00c0ff01',1768053750802000000,5006802000000,160000000,'ok',NULL,NULL);
INSERT INTO "span" VALUES(27,2,2,'tcp',NULL,'tcp','ce881732804646a8','00c0ffee00c0ff01',1768053750791000000,5006791000000,11000000,'ok',NULL,NULL);
INSERT INTO "span" VALUES(27,3,2,'dns',NULL,'dns','8f7329ecfd1cfb47','00c0ffee00c0ff01',1768053750788000000,5006788000000,3000000,'ok',NULL,NULL);
INSERT INTO "span" VALUES(30,0,3,'upgrade',NULL,'upgrade','bc083688cbd48618','00DECADE00decade',1768053752162000000,5008162000000,38000000,'ok',NULL,NULL);
INSERT INTO "span" VALUES(30,1,3,'tls',NULL,'tls','431bc632a5170589','00DECADE00decade',1768053752002000000,5008002000000,160000000,'ok',NULL,NULL);
INSERT INTO "span" VALUES(30,2,3,'tcp',NULL,'tcp','f4aae33f27a25b2d','00DECADE00decade',1768053751991000000,5007991000000,11000000,'ok',NULL,NULL);
INSERT INTO "span" VALUES(30,3,3,'dns',NULL,'dns','97f50395e2e42508','00DECADE00decade',1768053751988000000,5007988000000,3000000,'ok',NULL,NULL);
INSERT INTO "span" VALUES(36,0,3,'session',NULL,'deribit','00DECADE00decade','',1768053752000000000,5008000000000,7000000000,'error','http_status','the server answered HTTP 403');
INSERT INTO "span" VALUES(38,0,4,'upgrade',NULL,'upgrade','8dc7c85c55dd9411','00c0ffee00c0ff02',1768057345962000000,8601962000000,38000000,'ok',NULL,NULL);
INSERT INTO "span" VALUES(38,1,4,'tls',NULL,'tls','ea4e168b3955c521','00c0ffee00c0ff02',1768057345802000000,8601802000000,160000000,'ok',NULL,NULL);
INSERT INTO "span" VALUES(38,2,4,'tcp',NULL,'tcp','e63f17c6e07593e0','00c0ffee00c0ff02',1768057345791000000,8601791000000,11000000,'ok',NULL,NULL);
INSERT INTO "span" VALUES(38,3,4,'dns',NULL,'dns','acd828959c24c689','00c0ffee00c0ff02',1768057345788000000,8601788000000,3000000,'ok',NULL,NULL);
CREATE TABLE subscription (
    connection INTEGER NOT NULL REFERENCES connection (id),
    topic TEXT NOT NULL,
    status TEXT NOT NULL,     -- 'active', 'pending' (asked for, or to be restored), 'lost'; others have no row
    since_ns INTEGER NOT NULL,
    PRIMARY KEY (connection, topic)
) WITHOUT ROWID
;
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
    );
INSERT INTO "transition" VALUES(1,1,1,1768053744000000000,5000000000000,1,1,2,30);
INSERT INTO "transition" VALUES(2,1,1,1768053745000000000,5001000000000,1,3,4,32);
INSERT INTO "transition" VALUES(25,1,1,1768053749000000000,5005000000000,1,4,5,33);
INSERT INTO "transition" VALUES(26,1,2,1768053750000000000,5006000000000,1,6,2,30);
INSERT INTO "transition" VALUES(27,1,2,1768053751000000000,5007000000000,1,3,4,32);
INSERT INTO "transition" VALUES(29,2,3,1768053752000000000,5008000000000,1,1,2,30);
INSERT INTO "transition" VALUES(30,2,3,1768053752200000000,5008200000000,1,3,4,32);
INSERT INTO "transition" VALUES(36,2,3,1768053759000000000,5015000000000,1,3,5,36);
INSERT INTO "transition" VALUES(37,1,4,1768057345000000000,8601000000000,2,1,2,30);
INSERT INTO "transition" VALUES(38,1,4,1768057346000000000,8602000000000,2,3,4,32);
CREATE UNIQUE INDEX "idx__sqlite_migrations_migration_set_name"
    ON "_sqlite_migrations" ("migration_set", "name");
CREATE INDEX source_by_connection ON source (connection, run);
CREATE INDEX source_by_connection_id ON source (connection_id);
CREATE INDEX event_by_name ON event (name, id) WHERE name >= 20;
CREATE INDEX session_by_connection ON session (connection, started_ns);
CREATE INDEX session_alive ON session (run) WHERE end IS NULL;
CREATE INDEX transition_by_connection ON transition (connection, ts_ns);
CREATE INDEX transition_by_ts ON transition (ts_ns);
CREATE INDEX incident_by_connection ON incident (connection, opened_ns);
CREATE INDEX span_by_source ON span (source);
COMMIT;

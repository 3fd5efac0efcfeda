PRAGMA application_id = 2004053358;
PRAGMA user_version = 10;
BEGIN TRANSACTION;
CREATE TABLE "_sqlite_migrations" (
   "id" INTEGER PRIMARY KEY,
   "migration_set" TEXT,
   "name" TEXT,
   "applied_at" TEXT
);
INSERT INTO "_sqlite_migrations" VALUES(1,'wsmon','m001_create','2026-11-30 04:34:00.805868+00:00');
INSERT INTO "_sqlite_migrations" VALUES(2,'wsmon','m002_subscriptions','2026-11-30 04:34:00.806600+00:00');
INSERT INTO "_sqlite_migrations" VALUES(3,'wsmon','m003_spans','2026-11-30 04:34:00.807145+00:00');
INSERT INTO "_sqlite_migrations" VALUES(4,'wsmon','m004_kpis','2026-11-30 04:34:00.807818+00:00');
INSERT INTO "_sqlite_migrations" VALUES(5,'wsmon','m005_packed_histograms','2026-11-30 04:34:00.808522+00:00');
INSERT INTO "_sqlite_migrations" VALUES(6,'wsmon','m006_search_index','2026-11-30 04:34:00.809075+00:00');
INSERT INTO "_sqlite_migrations" VALUES(7,'wsmon','m007_connection_spec','2026-11-30 04:34:00.816057+00:00');
INSERT INTO "_sqlite_migrations" VALUES(8,'wsmon','m008_marks_of_exponents','2026-11-30 04:34:00.816714+00:00');
INSERT INTO "_sqlite_migrations" VALUES(9,'wsmon','m009_journal','2026-11-30 04:34:00.817237+00:00');
INSERT INTO "_sqlite_migrations" VALUES(10,'wsmon','m010_ingest','2026-11-30 04:34:00.817718+00:00');
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
INSERT INTO "connection" VALUES(1,'binance-spot',0,1,4,1768057346000000000,NULL,0,NULL,4,'4BF92F3577B34DA6A3CE929D0E0E4736',1,1768057346000000000,1768053749000000000,NULL,1768057347000000000,NULL,0,'{"group":"markets","url":"wss://binance-spot.example.net/ws","enabled":true,"profile":"detailed","protocol":"json","expect_every_s":2.5,"allow_send":false,"kpi":{"availability":0.5}}');
INSERT INTO "connection" VALUES(2,'deribit',1,1,1,1768057344000000000,NULL,0,NULL,NULL,'Order-Flow-17',0,1768053752200000000,NULL,NULL,1768053757000000000,NULL,0,'{"group":"","url":"wss://deribit.example.net/ws","enabled":true,"profile":"standard","protocol":"auto","expect_every_s":0.0,"allow_send":false,"kpi":{}}');
INSERT INTO "connection" VALUES(3,'idle',2,1,1,1768057344000000000,NULL,0,NULL,NULL,'',0,NULL,NULL,NULL,NULL,NULL,0,'{"group":"","url":"wss://idle.example.net/ws","enabled":false,"profile":"detailed","protocol":"auto","expect_every_s":0.0,"allow_send":false,"kpi":{}}');
INSERT INTO "connection" VALUES(4,'feed-00',3,1,1,1768057344000000000,NULL,0,NULL,NULL,'',0,NULL,NULL,NULL,NULL,NULL,0,'{"group":"","url":"wss://feed-00.example.net/ws","enabled":true,"profile":"detailed","protocol":"auto","expect_every_s":0.0,"allow_send":false,"kpi":{}}');
INSERT INTO "connection" VALUES(5,'feed-01',4,1,1,1768057344000000000,NULL,0,NULL,NULL,'',0,NULL,NULL,NULL,NULL,NULL,0,'{"group":"","url":"wss://feed-01.example.net/ws","enabled":true,"profile":"detailed","protocol":"auto","expect_every_s":0.0,"allow_send":false,"kpi":{}}');
INSERT INTO "connection" VALUES(6,'feed-02',5,1,1,1768057344000000000,NULL,0,NULL,NULL,'',0,NULL,NULL,NULL,NULL,NULL,0,'{"group":"","url":"wss://feed-02.example.net/ws","enabled":true,"profile":"detailed","protocol":"auto","expect_every_s":0.0,"allow_send":false,"kpi":{}}');
INSERT INTO "connection" VALUES(7,'feed-03',6,1,1,1768057344000000000,NULL,0,NULL,NULL,'',0,NULL,NULL,NULL,NULL,NULL,0,'{"group":"","url":"wss://feed-03.example.net/ws","enabled":true,"profile":"detailed","protocol":"auto","expect_every_s":0.0,"allow_send":false,"kpi":{}}');
INSERT INTO "connection" VALUES(8,'feed-04',7,1,1,1768057344000000000,NULL,0,NULL,NULL,'',0,NULL,NULL,NULL,NULL,NULL,0,'{"group":"","url":"wss://feed-04.example.net/ws","enabled":true,"profile":"detailed","protocol":"auto","expect_every_s":0.0,"allow_send":false,"kpi":{}}');
INSERT INTO "connection" VALUES(9,'feed-05',8,1,1,1768057344000000000,NULL,0,NULL,NULL,'',0,NULL,NULL,NULL,NULL,NULL,0,'{"group":"","url":"wss://feed-05.example.net/ws","enabled":true,"profile":"detailed","protocol":"auto","expect_every_s":0.0,"allow_send":false,"kpi":{}}');
INSERT INTO "connection" VALUES(10,'feed-06',9,1,1,1768057344000000000,NULL,0,NULL,NULL,'',0,NULL,NULL,NULL,NULL,NULL,0,'{"group":"","url":"wss://feed-06.example.net/ws","enabled":true,"profile":"detailed","protocol":"auto","expect_every_s":0.0,"allow_send":false,"kpi":{}}');
INSERT INTO "connection" VALUES(11,'feed-07',10,1,1,1768057344000000000,NULL,0,NULL,NULL,'',0,NULL,NULL,NULL,NULL,NULL,0,'{"group":"","url":"wss://feed-07.example.net/ws","enabled":true,"profile":"detailed","protocol":"auto","expect_every_s":0.0,"allow_send":false,"kpi":{}}');
INSERT INTO "connection" VALUES(12,'feed-08',11,1,1,1768057344000000000,NULL,0,NULL,NULL,'',0,NULL,NULL,NULL,NULL,NULL,0,'{"group":"","url":"wss://feed-08.example.net/ws","enabled":true,"profile":"detailed","protocol":"auto","expect_every_s":0.0,"allow_send":false,"kpi":{}}');
INSERT INTO "connection" VALUES(13,'feed-09',12,1,1,1768057344000000000,NULL,0,NULL,NULL,'',0,NULL,NULL,NULL,NULL,NULL,0,'{"group":"","url":"wss://feed-09.example.net/ws","enabled":true,"profile":"detailed","protocol":"auto","expect_every_s":0.0,"allow_send":false,"kpi":{}}');
INSERT INTO "connection" VALUES(14,'feed-10',13,1,1,1768057344000000000,NULL,0,NULL,NULL,'',0,NULL,NULL,NULL,NULL,NULL,0,'{"group":"","url":"wss://feed-10.example.net/ws","enabled":true,"profile":"detailed","protocol":"auto","expect_every_s":0.0,"allow_send":false,"kpi":{}}');
INSERT INTO "connection" VALUES(15,'feed-11',14,1,1,1768057344000000000,NULL,0,NULL,NULL,'',0,NULL,NULL,NULL,NULL,NULL,0,'{"group":"","url":"wss://feed-11.example.net/ws","enabled":true,"profile":"detailed","protocol":"auto","expect_every_s":0.0,"allow_send":false,"kpi":{}}');
INSERT INTO "connection" VALUES(16,'feed-12',15,1,1,1768057344000000000,NULL,0,NULL,NULL,'',0,NULL,NULL,NULL,NULL,NULL,0,'{"group":"","url":"wss://feed-12.example.net/ws","enabled":true,"profile":"detailed","protocol":"auto","expect_every_s":0.0,"allow_send":false,"kpi":{}}');
INSERT INTO "connection" VALUES(17,'feed-13',16,1,1,1768057344000000000,NULL,0,NULL,NULL,'',0,NULL,NULL,NULL,NULL,NULL,0,'{"group":"","url":"wss://feed-13.example.net/ws","enabled":true,"profile":"detailed","protocol":"auto","expect_every_s":0.0,"allow_send":false,"kpi":{}}');
INSERT INTO "connection" VALUES(18,'feed-14',17,1,1,1768057344000000000,NULL,0,NULL,NULL,'',0,NULL,NULL,NULL,NULL,NULL,0,'{"group":"","url":"wss://feed-14.example.net/ws","enabled":true,"profile":"detailed","protocol":"auto","expect_every_s":0.0,"allow_send":false,"kpi":{}}');
INSERT INTO "connection" VALUES(19,'feed-15',18,1,1,1768057344000000000,NULL,0,NULL,NULL,'',0,NULL,NULL,NULL,NULL,NULL,0,'{"group":"","url":"wss://feed-15.example.net/ws","enabled":true,"profile":"detailed","protocol":"auto","expect_every_s":0.0,"allow_send":false,"kpi":{}}');
INSERT INTO "connection" VALUES(20,'feed-16',19,1,1,1768057344000000000,NULL,0,NULL,NULL,'',0,NULL,NULL,NULL,NULL,NULL,0,'{"group":"","url":"wss://feed-16.example.net/ws","enabled":true,"profile":"detailed","protocol":"auto","expect_every_s":0.0,"allow_send":false,"kpi":{}}');
INSERT INTO "connection" VALUES(21,'feed-17',20,1,1,1768057344000000000,NULL,0,NULL,NULL,'',0,NULL,NULL,NULL,NULL,NULL,0,'{"group":"","url":"wss://feed-17.example.net/ws","enabled":true,"profile":"detailed","protocol":"auto","expect_every_s":0.0,"allow_send":false,"kpi":{}}');
INSERT INTO "connection" VALUES(22,'feed-18',21,1,1,1768057344000000000,NULL,0,NULL,NULL,'',0,NULL,NULL,NULL,NULL,NULL,0,'{"group":"","url":"wss://feed-18.example.net/ws","enabled":true,"profile":"detailed","protocol":"auto","expect_every_s":0.0,"allow_send":false,"kpi":{}}');
INSERT INTO "connection" VALUES(23,'feed-19',22,1,1,1768057344000000000,NULL,0,NULL,NULL,'',0,NULL,NULL,NULL,NULL,NULL,0,'{"group":"","url":"wss://feed-19.example.net/ws","enabled":true,"profile":"detailed","protocol":"auto","expect_every_s":0.0,"allow_send":false,"kpi":{}}');
INSERT INTO "connection" VALUES(24,'feed-20',23,1,1,1768057344000000000,NULL,0,NULL,NULL,'',0,NULL,NULL,NULL,NULL,NULL,0,'{"group":"","url":"wss://feed-20.example.net/ws","enabled":true,"profile":"detailed","protocol":"auto","expect_every_s":0.0,"allow_send":false,"kpi":{}}');
INSERT INTO "connection" VALUES(25,'feed-21',24,1,1,1768057344000000000,NULL,0,NULL,NULL,'',0,NULL,NULL,NULL,NULL,NULL,0,'{"group":"","url":"wss://feed-21.example.net/ws","enabled":true,"profile":"detailed","protocol":"auto","expect_every_s":0.0,"allow_send":false,"kpi":{}}');
INSERT INTO "connection" VALUES(26,'feed-22',25,1,1,1768057344000000000,NULL,0,NULL,NULL,'',0,NULL,NULL,NULL,NULL,NULL,0,'{"group":"","url":"wss://feed-22.example.net/ws","enabled":true,"profile":"detailed","protocol":"auto","expect_every_s":0.0,"allow_send":false,"kpi":{}}');
INSERT INTO "connection" VALUES(27,'feed-23',26,1,1,1768057344000000000,NULL,0,NULL,NULL,'',0,NULL,NULL,NULL,NULL,NULL,0,'{"group":"","url":"wss://feed-23.example.net/ws","enabled":true,"profile":"detailed","protocol":"auto","expect_every_s":0.0,"allow_send":false,"kpi":{}}');
INSERT INTO "connection" VALUES(28,'feed-24',27,1,1,1768057344000000000,NULL,0,NULL,NULL,'',0,NULL,NULL,NULL,NULL,NULL,0,'{"group":"","url":"wss://feed-24.example.net/ws","enabled":true,"profile":"detailed","protocol":"auto","expect_every_s":0.0,"allow_send":false,"kpi":{}}');
INSERT INTO "connection" VALUES(29,'feed-25',28,1,1,1768057344000000000,NULL,0,NULL,NULL,'',0,NULL,NULL,NULL,NULL,NULL,0,'{"group":"","url":"wss://feed-25.example.net/ws","enabled":true,"profile":"detailed","protocol":"auto","expect_every_s":0.0,"allow_send":false,"kpi":{}}');
INSERT INTO "connection" VALUES(30,'feed-26',29,1,1,1768057344000000000,NULL,0,NULL,NULL,'',0,NULL,NULL,NULL,NULL,NULL,0,'{"group":"","url":"wss://feed-26.example.net/ws","enabled":true,"profile":"detailed","protocol":"auto","expect_every_s":0.0,"allow_send":false,"kpi":{}}');
INSERT INTO "connection" VALUES(31,'feed-27',30,1,1,1768057344000000000,NULL,0,NULL,NULL,'',0,NULL,NULL,NULL,NULL,NULL,0,'{"group":"","url":"wss://feed-27.example.net/ws","enabled":true,"profile":"detailed","protocol":"auto","expect_every_s":0.0,"allow_send":false,"kpi":{}}');
INSERT INTO "connection" VALUES(32,'feed-28',31,1,1,1768057344000000000,NULL,0,NULL,NULL,'',0,NULL,NULL,NULL,NULL,NULL,0,'{"group":"","url":"wss://feed-28.example.net/ws","enabled":true,"profile":"detailed","protocol":"auto","expect_every_s":0.0,"allow_send":false,"kpi":{}}');
INSERT INTO "connection" VALUES(33,'feed-29',32,1,1,1768057344000000000,NULL,0,NULL,NULL,'',0,NULL,NULL,NULL,NULL,NULL,0,'{"group":"","url":"wss://feed-29.example.net/ws","enabled":true,"profile":"detailed","protocol":"auto","expect_every_s":0.0,"allow_send":false,"kpi":{}}');
INSERT INTO "connection" VALUES(34,'feed-30',33,1,1,1768057344000000000,NULL,0,NULL,NULL,'',0,NULL,NULL,NULL,NULL,NULL,0,'{"group":"","url":"wss://feed-30.example.net/ws","enabled":true,"profile":"detailed","protocol":"auto","expect_every_s":0.0,"allow_send":false,"kpi":{}}');
INSERT INTO "connection" VALUES(35,'feed-31',34,1,1,1768057344000000000,NULL,0,NULL,NULL,'',0,NULL,NULL,NULL,NULL,NULL,0,'{"group":"","url":"wss://feed-31.example.net/ws","enabled":true,"profile":"detailed","protocol":"auto","expect_every_s":0.0,"allow_send":false,"kpi":{}}');
INSERT INTO "connection" VALUES(36,'feed-32',35,1,1,1768057344000000000,NULL,0,NULL,NULL,'',0,NULL,NULL,NULL,NULL,NULL,0,'{"group":"","url":"wss://feed-32.example.net/ws","enabled":true,"profile":"detailed","protocol":"auto","expect_every_s":0.0,"allow_send":false,"kpi":{}}');
INSERT INTO "connection" VALUES(37,'feed-33',36,1,1,1768057344000000000,NULL,0,NULL,NULL,'',0,NULL,NULL,NULL,NULL,NULL,0,'{"group":"","url":"wss://feed-33.example.net/ws","enabled":true,"profile":"detailed","protocol":"auto","expect_every_s":0.0,"allow_send":false,"kpi":{}}');
INSERT INTO "connection" VALUES(38,'feed-34',37,1,1,1768057344000000000,NULL,0,NULL,NULL,'',0,NULL,NULL,NULL,NULL,NULL,0,'{"group":"","url":"wss://feed-34.example.net/ws","enabled":true,"profile":"detailed","protocol":"auto","expect_every_s":0.0,"allow_send":false,"kpi":{}}');
INSERT INTO "connection" VALUES(39,'feed-35',38,1,1,1768057344000000000,NULL,0,NULL,NULL,'',0,NULL,NULL,NULL,NULL,NULL,0,'{"group":"","url":"wss://feed-35.example.net/ws","enabled":true,"profile":"detailed","protocol":"auto","expect_every_s":0.0,"allow_send":false,"kpi":{}}');
INSERT INTO "connection" VALUES(40,'feed-36',39,1,1,1768057344000000000,NULL,0,NULL,NULL,'',0,NULL,NULL,NULL,NULL,NULL,0,'{"group":"","url":"wss://feed-36.example.net/ws","enabled":true,"profile":"detailed","protocol":"auto","expect_every_s":0.0,"allow_send":false,"kpi":{}}');
INSERT INTO "connection" VALUES(41,'feed-37',40,1,1,1768057344000000000,NULL,0,NULL,NULL,'',0,NULL,NULL,NULL,NULL,NULL,0,'{"group":"","url":"wss://feed-37.example.net/ws","enabled":true,"profile":"detailed","protocol":"auto","expect_every_s":0.0,"allow_send":false,"kpi":{}}');
INSERT INTO "connection" VALUES(42,'feed-38',41,1,1,1768057344000000000,NULL,0,NULL,NULL,'',0,NULL,NULL,NULL,NULL,NULL,0,'{"group":"","url":"wss://feed-38.example.net/ws","enabled":true,"profile":"detailed","protocol":"auto","expect_every_s":0.0,"allow_send":false,"kpi":{}}');
INSERT INTO "connection" VALUES(43,'feed-39',42,1,1,1768057344000000000,NULL,0,NULL,NULL,'',0,NULL,NULL,NULL,NULL,NULL,0,'{"group":"","url":"wss://feed-39.example.net/ws","enabled":true,"profile":"detailed","protocol":"auto","expect_every_s":0.0,"allow_send":false,"kpi":{}}');
INSERT INTO "connection" VALUES(44,'feed-40',43,1,1,1768057344000000000,NULL,0,NULL,NULL,'',0,NULL,NULL,NULL,NULL,NULL,0,'{"group":"","url":"wss://feed-40.example.net/ws","enabled":true,"profile":"detailed","protocol":"auto","expect_every_s":0.0,"allow_send":false,"kpi":{}}');
INSERT INTO "connection" VALUES(45,'feed-41',44,1,1,1768057344000000000,NULL,0,NULL,NULL,'',0,NULL,NULL,NULL,NULL,NULL,0,'{"group":"","url":"wss://feed-41.example.net/ws","enabled":true,"profile":"detailed","protocol":"auto","expect_every_s":0.0,"allow_send":false,"kpi":{}}');
INSERT INTO "connection" VALUES(46,'feed-42',45,1,1,1768057344000000000,NULL,0,NULL,NULL,'',0,NULL,NULL,NULL,NULL,NULL,0,'{"group":"","url":"wss://feed-42.example.net/ws","enabled":true,"profile":"detailed","protocol":"auto","expect_every_s":0.0,"allow_send":false,"kpi":{}}');
INSERT INTO "connection" VALUES(47,'feed-43',46,1,1,1768057344000000000,NULL,0,NULL,NULL,'',0,NULL,NULL,NULL,NULL,NULL,0,'{"group":"","url":"wss://feed-43.example.net/ws","enabled":true,"profile":"detailed","protocol":"auto","expect_every_s":0.0,"allow_send":false,"kpi":{}}');
INSERT INTO "connection" VALUES(48,'feed-44',47,1,1,1768057344000000000,NULL,0,NULL,NULL,'',0,NULL,NULL,NULL,NULL,NULL,0,'{"group":"","url":"wss://feed-44.example.net/ws","enabled":true,"profile":"detailed","protocol":"auto","expect_every_s":0.0,"allow_send":false,"kpi":{}}');
INSERT INTO "connection" VALUES(49,'feed-45',48,1,1,1768057344000000000,NULL,0,NULL,NULL,'',0,NULL,NULL,NULL,NULL,NULL,0,'{"group":"","url":"wss://feed-45.example.net/ws","enabled":true,"profile":"detailed","protocol":"auto","expect_every_s":0.0,"allow_send":false,"kpi":{}}');
INSERT INTO "connection" VALUES(50,'feed-46',49,1,1,1768057344000000000,NULL,0,NULL,NULL,'',0,NULL,NULL,NULL,NULL,NULL,0,'{"group":"","url":"wss://feed-46.example.net/ws","enabled":true,"profile":"detailed","protocol":"auto","expect_every_s":0.0,"allow_send":false,"kpi":{}}');
INSERT INTO "connection" VALUES(51,'feed-47',50,1,1,1768057344000000000,NULL,0,NULL,NULL,'',0,NULL,NULL,NULL,NULL,NULL,0,'{"group":"","url":"wss://feed-47.example.net/ws","enabled":true,"profile":"detailed","protocol":"auto","expect_every_s":0.0,"allow_send":false,"kpi":{}}');
INSERT INTO "connection" VALUES(52,'feed-48',51,1,1,1768057344000000000,NULL,0,NULL,NULL,'',0,NULL,NULL,NULL,NULL,NULL,0,'{"group":"","url":"wss://feed-48.example.net/ws","enabled":true,"profile":"detailed","protocol":"auto","expect_every_s":0.0,"allow_send":false,"kpi":{}}');
INSERT INTO "connection" VALUES(53,'feed-49',52,1,1,1768057344000000000,NULL,0,NULL,NULL,'',0,NULL,NULL,NULL,NULL,NULL,0,'{"group":"","url":"wss://feed-49.example.net/ws","enabled":true,"profile":"detailed","protocol":"auto","expect_every_s":0.0,"allow_send":false,"kpi":{}}');
INSERT INTO "connection" VALUES(54,'feed-50',53,1,1,1768057344000000000,NULL,0,NULL,NULL,'',0,NULL,NULL,NULL,NULL,NULL,0,'{"group":"","url":"wss://feed-50.example.net/ws","enabled":true,"profile":"detailed","protocol":"auto","expect_every_s":0.0,"allow_send":false,"kpi":{}}');
INSERT INTO "connection" VALUES(55,'feed-51',54,1,1,1768057344000000000,NULL,0,NULL,NULL,'',0,NULL,NULL,NULL,NULL,NULL,0,'{"group":"","url":"wss://feed-51.example.net/ws","enabled":true,"profile":"detailed","protocol":"auto","expect_every_s":0.0,"allow_send":false,"kpi":{}}');
INSERT INTO "connection" VALUES(56,'feed-52',55,1,1,1768057344000000000,NULL,0,NULL,NULL,'',0,NULL,NULL,NULL,NULL,NULL,0,'{"group":"","url":"wss://feed-52.example.net/ws","enabled":true,"profile":"detailed","protocol":"auto","expect_every_s":0.0,"allow_send":false,"kpi":{}}');
INSERT INTO "connection" VALUES(57,'feed-53',56,1,1,1768057344000000000,NULL,0,NULL,NULL,'',0,NULL,NULL,NULL,NULL,NULL,0,'{"group":"","url":"wss://feed-53.example.net/ws","enabled":true,"profile":"detailed","protocol":"auto","expect_every_s":0.0,"allow_send":false,"kpi":{}}');
INSERT INTO "connection" VALUES(58,'feed-54',57,1,1,1768057344000000000,NULL,0,NULL,NULL,'',0,NULL,NULL,NULL,NULL,NULL,0,'{"group":"","url":"wss://feed-54.example.net/ws","enabled":true,"profile":"detailed","protocol":"auto","expect_every_s":0.0,"allow_send":false,"kpi":{}}');
INSERT INTO "connection" VALUES(59,'feed-55',58,1,1,1768057344000000000,NULL,0,NULL,NULL,'',0,NULL,NULL,NULL,NULL,NULL,0,'{"group":"","url":"wss://feed-55.example.net/ws","enabled":true,"profile":"detailed","protocol":"auto","expect_every_s":0.0,"allow_send":false,"kpi":{}}');
INSERT INTO "connection" VALUES(60,'feed-56',59,1,1,1768057344000000000,NULL,0,NULL,NULL,'',0,NULL,NULL,NULL,NULL,NULL,0,'{"group":"","url":"wss://feed-56.example.net/ws","enabled":true,"profile":"detailed","protocol":"auto","expect_every_s":0.0,"allow_send":false,"kpi":{}}');
INSERT INTO "connection" VALUES(61,'feed-57',60,1,1,1768057344000000000,NULL,0,NULL,NULL,'',0,NULL,NULL,NULL,NULL,NULL,0,'{"group":"","url":"wss://feed-57.example.net/ws","enabled":true,"profile":"detailed","protocol":"auto","expect_every_s":0.0,"allow_send":false,"kpi":{}}');
INSERT INTO "connection" VALUES(62,'feed-58',61,1,1,1768057344000000000,NULL,0,NULL,NULL,'',0,NULL,NULL,NULL,NULL,NULL,0,'{"group":"","url":"wss://feed-58.example.net/ws","enabled":true,"profile":"detailed","protocol":"auto","expect_every_s":0.0,"allow_send":false,"kpi":{}}');
INSERT INTO "connection" VALUES(63,'feed-59',62,1,1,1768057344000000000,NULL,0,NULL,NULL,'',0,NULL,NULL,NULL,NULL,NULL,0,'{"group":"","url":"wss://feed-59.example.net/ws","enabled":true,"profile":"detailed","protocol":"auto","expect_every_s":0.0,"allow_send":false,"kpi":{}}');
INSERT INTO "connection" VALUES(64,'feed-60',63,1,1,1768057344000000000,NULL,0,NULL,NULL,'',0,NULL,NULL,NULL,NULL,NULL,0,'{"group":"","url":"wss://feed-60.example.net/ws","enabled":true,"profile":"detailed","protocol":"auto","expect_every_s":0.0,"allow_send":false,"kpi":{}}');
INSERT INTO "connection" VALUES(65,'feed-61',64,1,1,1768057344000000000,NULL,0,NULL,NULL,'',0,NULL,NULL,NULL,NULL,NULL,0,'{"group":"","url":"wss://feed-61.example.net/ws","enabled":true,"profile":"detailed","protocol":"auto","expect_every_s":0.0,"allow_send":false,"kpi":{}}');
INSERT INTO "connection" VALUES(66,'feed-62',65,1,1,1768057344000000000,NULL,0,NULL,NULL,'',0,NULL,NULL,NULL,NULL,NULL,0,'{"group":"","url":"wss://feed-62.example.net/ws","enabled":true,"profile":"detailed","protocol":"auto","expect_every_s":0.0,"allow_send":false,"kpi":{}}');
INSERT INTO "connection" VALUES(67,'feed-63',66,1,1,1768057344000000000,NULL,0,NULL,NULL,'',0,NULL,NULL,NULL,NULL,NULL,0,'{"group":"","url":"wss://feed-63.example.net/ws","enabled":true,"profile":"detailed","protocol":"auto","expect_every_s":0.0,"allow_send":false,"kpi":{}}');
INSERT INTO "connection" VALUES(68,'feed-64',67,1,1,1768057344000000000,NULL,0,NULL,NULL,'',0,NULL,NULL,NULL,NULL,NULL,0,'{"group":"","url":"wss://feed-64.example.net/ws","enabled":true,"profile":"detailed","protocol":"auto","expect_every_s":0.0,"allow_send":false,"kpi":{}}');
INSERT INTO "connection" VALUES(69,'feed-65',68,1,1,1768057344000000000,NULL,0,NULL,NULL,'',0,NULL,NULL,NULL,NULL,NULL,0,'{"group":"","url":"wss://feed-65.example.net/ws","enabled":true,"profile":"detailed","protocol":"auto","expect_every_s":0.0,"allow_send":false,"kpi":{}}');
INSERT INTO "connection" VALUES(70,'shop',69,1,1,1768057348000000000,NULL,0,NULL,NULL,'',0,NULL,NULL,NULL,NULL,NULL,0,'{"group":"apps","url":"","enabled":true,"profile":"detailed","protocol":"auto","expect_every_s":0.0,"allow_send":false,"kpi":{}}');
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
INSERT INTO "event" VALUES(25,1768053749000000000,5005000000000,1,33,0,NULL,NULL,NULL,NULL,NULL,NULL,400000000,NULL,4,5,1008,1,'rate limit: 5 connections',NULL,NULL,NULL,NULL,'{"by":"peer","code":"1008 policy violation","cause":"“rate limit: 5 connections”, 1008, closed by peer; a rate or volume limit of the server was reached","next":"send and subscribe less at once, open fewer connections, and compare with the service''s limits","evidence":[],"evidence_text":"","certainty":"stated"}','{"attempt":1,"open":true,"last_in_ms":120.0,"last_out_ms":400.0,"received":{"code":1008,"reason":"rate limit: 5 connections"},"first":"received"}',NULL);
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
INSERT INTO "event" VALUES(36,1768053759000000000,5015000000000,3,36,0,NULL,NULL,NULL,NULL,NULL,NULL,NULL,403,3,5,NULL,6,NULL,'http_status','the server answered HTTP 403',NULL,NULL,'{"by":"refusal","code":"HTTP 403 Forbidden","cause":"the server answered HTTP 403; the body says “no key”; HTTP 403 usually means: the server does not allow this: possibly rights, Origin, address or country, a firewall in front of it, or host and path of the URL","next":"check what the credentials are allowed to do, the Origin header, host and path of the URL, and whether this address may connect; read the response text first","evidence":[],"evidence_text":"no key","certainty":"inferred"}','{"attempt":2,"open":false,"response_headers":[["Content-Type","text/plain"]],"body":"no key"}',NULL);
INSERT INTO "event" VALUES(37,1768057345000000000,8601000000000,4,30,0,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,1,2,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,'{"attempt":1,"url":"wss://stream.example.net/ws?token=[FILTERED]"}',NULL);
INSERT INTO "event" VALUES(38,1768057346000000000,8602000000000,4,32,0,NULL,NULL,NULL,NULL,NULL,NULL,150000000,101,3,4,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,'{"dns_ms":3.0,"tcp_ms":11.0,"tls_ms":160.0,"upgrade_ms":38.0,"subprotocol":"v1.stream","extensions":["permessage-deflate"],"request_headers":[["Host","stream.example.net"],["Authorization","[FILTERED]"]],"response_headers":[["Upgrade","websocket"],["Server","nginx/1.25.3"]]}',NULL);
INSERT INTO "event" VALUES(39,1768057347000000000,8603000000000,4,1,1,1,5,9,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,'hello');
INSERT INTO "event" VALUES(40,1768057348000000000,8604000000000,5,113,0,NULL,NULL,NULL,'order.placed',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,'{"n":1}',NULL);
INSERT INTO "event" VALUES(41,1768057352000000000,8608000000000,6,1,1,1,4,8,'tick',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,'tick');
INSERT INTO "event" VALUES(42,1768057352000000000,8608000000000,7,1,1,1,4,8,'tick',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,'tick');
INSERT INTO "event" VALUES(43,1768057352000000000,8608000000000,8,1,1,1,4,8,'tick',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,'tick');
INSERT INTO "event" VALUES(44,1768057352000000000,8608000000000,9,1,1,1,4,8,'tick',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,'tick');
INSERT INTO "event" VALUES(45,1768057352000000000,8608000000000,10,1,1,1,4,8,'tick',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,'tick');
INSERT INTO "event" VALUES(46,1768057352000000000,8608000000000,11,1,1,1,4,8,'tick',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,'tick');
INSERT INTO "event" VALUES(47,1768057352000000000,8608000000000,12,1,1,1,4,8,'tick',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,'tick');
INSERT INTO "event" VALUES(48,1768057352000000000,8608000000000,13,1,1,1,4,8,'tick',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,'tick');
INSERT INTO "event" VALUES(49,1768057352000000000,8608000000000,14,1,1,1,4,8,'tick',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,'tick');
INSERT INTO "event" VALUES(50,1768057352000000000,8608000000000,15,1,1,1,4,8,'tick',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,'tick');
INSERT INTO "event" VALUES(51,1768057352000000000,8608000000000,16,1,1,1,4,8,'tick',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,'tick');
INSERT INTO "event" VALUES(52,1768057352000000000,8608000000000,17,1,1,1,4,8,'tick',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,'tick');
INSERT INTO "event" VALUES(53,1768057352000000000,8608000000000,18,1,1,1,4,8,'tick',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,'tick');
INSERT INTO "event" VALUES(54,1768057352000000000,8608000000000,19,1,1,1,4,8,'tick',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,'tick');
INSERT INTO "event" VALUES(55,1768057352000000000,8608000000000,20,1,1,1,4,8,'tick',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,'tick');
INSERT INTO "event" VALUES(56,1768057352000000000,8608000000000,21,1,1,1,4,8,'tick',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,'tick');
INSERT INTO "event" VALUES(57,1768057352000000000,8608000000000,22,1,1,1,4,8,'tick',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,'tick');
INSERT INTO "event" VALUES(58,1768057352000000000,8608000000000,23,1,1,1,4,8,'tick',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,'tick');
INSERT INTO "event" VALUES(59,1768057352000000000,8608000000000,24,1,1,1,4,8,'tick',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,'tick');
INSERT INTO "event" VALUES(60,1768057352000000000,8608000000000,25,1,1,1,4,8,'tick',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,'tick');
INSERT INTO "event" VALUES(61,1768057352000000000,8608000000000,26,1,1,1,4,8,'tick',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,'tick');
INSERT INTO "event" VALUES(62,1768057352000000000,8608000000000,27,1,1,1,4,8,'tick',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,'tick');
INSERT INTO "event" VALUES(63,1768057352000000000,8608000000000,28,1,1,1,4,8,'tick',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,'tick');
INSERT INTO "event" VALUES(64,1768057352000000000,8608000000000,29,1,1,1,4,8,'tick',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,'tick');
INSERT INTO "event" VALUES(65,1768057352000000000,8608000000000,30,1,1,1,4,8,'tick',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,'tick');
INSERT INTO "event" VALUES(66,1768057352000000000,8608000000000,31,1,1,1,4,8,'tick',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,'tick');
INSERT INTO "event" VALUES(67,1768057352000000000,8608000000000,32,1,1,1,4,8,'tick',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,'tick');
INSERT INTO "event" VALUES(68,1768057352000000000,8608000000000,33,1,1,1,4,8,'tick',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,'tick');
INSERT INTO "event" VALUES(69,1768057352000000000,8608000000000,34,1,1,1,4,8,'tick',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,'tick');
INSERT INTO "event" VALUES(70,1768057352000000000,8608000000000,35,1,1,1,4,8,'tick',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,'tick');
INSERT INTO "event" VALUES(71,1768057352000000000,8608000000000,36,1,1,1,4,8,'tick',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,'tick');
INSERT INTO "event" VALUES(72,1768057352000000000,8608000000000,37,1,1,1,4,8,'tick',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,'tick');
INSERT INTO "event" VALUES(73,1768057352000000000,8608000000000,38,1,1,1,4,8,'tick',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,'tick');
INSERT INTO "event" VALUES(74,1768057352000000000,8608000000000,39,1,1,1,4,8,'tick',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,'tick');
INSERT INTO "event" VALUES(75,1768057352000000000,8608000000000,40,1,1,1,4,8,'tick',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,'tick');
INSERT INTO "event" VALUES(76,1768057352000000000,8608000000000,41,1,1,1,4,8,'tick',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,'tick');
INSERT INTO "event" VALUES(77,1768057352000000000,8608000000000,42,1,1,1,4,8,'tick',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,'tick');
INSERT INTO "event" VALUES(78,1768057352000000000,8608000000000,43,1,1,1,4,8,'tick',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,'tick');
INSERT INTO "event" VALUES(79,1768057352000000000,8608000000000,44,1,1,1,4,8,'tick',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,'tick');
INSERT INTO "event" VALUES(80,1768057352000000000,8608000000000,45,1,1,1,4,8,'tick',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,'tick');
INSERT INTO "event" VALUES(81,1768057352000000000,8608000000000,46,1,1,1,4,8,'tick',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,'tick');
INSERT INTO "event" VALUES(82,1768057352000000000,8608000000000,47,1,1,1,4,8,'tick',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,'tick');
INSERT INTO "event" VALUES(83,1768057352000000000,8608000000000,48,1,1,1,4,8,'tick',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,'tick');
INSERT INTO "event" VALUES(84,1768057352000000000,8608000000000,49,1,1,1,4,8,'tick',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,'tick');
INSERT INTO "event" VALUES(85,1768057352000000000,8608000000000,50,1,1,1,4,8,'tick',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,'tick');
INSERT INTO "event" VALUES(86,1768057352000000000,8608000000000,51,1,1,1,4,8,'tick',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,'tick');
INSERT INTO "event" VALUES(87,1768057352000000000,8608000000000,52,1,1,1,4,8,'tick',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,'tick');
INSERT INTO "event" VALUES(88,1768057352000000000,8608000000000,53,1,1,1,4,8,'tick',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,'tick');
INSERT INTO "event" VALUES(89,1768057352000000000,8608000000000,54,1,1,1,4,8,'tick',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,'tick');
INSERT INTO "event" VALUES(90,1768057352000000000,8608000000000,55,1,1,1,4,8,'tick',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,'tick');
INSERT INTO "event" VALUES(91,1768057352000000000,8608000000000,56,1,1,1,4,8,'tick',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,'tick');
INSERT INTO "event" VALUES(92,1768057352000000000,8608000000000,57,1,1,1,4,8,'tick',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,'tick');
INSERT INTO "event" VALUES(93,1768057352000000000,8608000000000,58,1,1,1,4,8,'tick',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,'tick');
INSERT INTO "event" VALUES(94,1768057352000000000,8608000000000,59,1,1,1,4,8,'tick',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,'tick');
INSERT INTO "event" VALUES(95,1768057352000000000,8608000000000,60,1,1,1,4,8,'tick',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,'tick');
INSERT INTO "event" VALUES(96,1768057352000000000,8608000000000,61,1,1,1,4,8,'tick',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,'tick');
INSERT INTO "event" VALUES(97,1768057352000000000,8608000000000,62,1,1,1,4,8,'tick',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,'tick');
INSERT INTO "event" VALUES(98,1768057352000000000,8608000000000,63,1,1,1,4,8,'tick',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,'tick');
INSERT INTO "event" VALUES(99,1768057352000000000,8608000000000,64,1,1,1,4,8,'tick',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,'tick');
INSERT INTO "event" VALUES(100,1768057352000000000,8608000000000,65,1,1,1,4,8,'tick',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,'tick');
INSERT INTO "event" VALUES(101,1768057352000000000,8608000000000,66,1,1,1,4,8,'tick',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,'tick');
INSERT INTO "event" VALUES(102,1768057352000000000,8608000000000,67,1,1,1,4,8,'tick',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,'tick');
INSERT INTO "event" VALUES(103,1768057352000000000,8608000000000,68,1,1,1,4,8,'tick',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,'tick');
INSERT INTO "event" VALUES(104,1768057352000000000,8608000000000,69,1,1,1,4,8,'tick',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,'tick');
INSERT INTO "event" VALUES(105,1768057352000000000,8608000000000,70,1,1,1,4,8,'tick',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,'tick');
INSERT INTO "event" VALUES(106,1768057352000000000,8608000000000,71,1,1,1,4,8,'tick',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,'tick');
CREATE TABLE incident (
        id INTEGER PRIMARY KEY,  -- of the event that opened it
        connection INTEGER NOT NULL REFERENCES connection (id),
        type TEXT NOT NULL,
        opened_ns INTEGER NOT NULL,
        closed_ns INTEGER,       -- NULL: still open
        closed_id INTEGER,
        sentence TEXT NOT NULL
    );
CREATE TABLE ingest (
    client TEXT PRIMARY KEY,   -- random hex, of one process
    seq INTEGER NOT NULL,      -- of its last line that is committed, with the event of that line in one transaction
    last_ns INTEGER NOT NULL   -- wall time of that commit; rows of the clients that were silent longest are removed
) WITHOUT ROWID
;
INSERT INTO "ingest" VALUES('c11e47',7,1768057348000000000);
CREATE TABLE journal (         -- messages that the rollups do not contain yet, a row a commit
    id INTEGER PRIMARY KEY,
    messages BLOB NOT NULL     -- wsmon.store.journal.MessageTraffic, a list of them as MessagePack
);
INSERT INTO "journal" VALUES(4,X'DC00429DCE69626A080401910490080091A47469636B90909090CF188966CB487A50009DCE69626A080501910490080091A47469636B90909090CF188966CB487A50009DCE69626A080601910490080091A47469636B90909090CF188966CB487A50009DCE69626A080701910490080091A47469636B90909090CF188966CB487A50009DCE69626A080801910490080091A47469636B90909090CF188966CB487A50009DCE69626A080901910490080091A47469636B90909090CF188966CB487A50009DCE69626A080A01910490080091A47469636B90909090CF188966CB487A50009DCE69626A080B01910490080091A47469636B90909090CF188966CB487A50009DCE69626A080C01910490080091A47469636B90909090CF188966CB487A50009DCE69626A080D01910490080091A47469636B90909090CF188966CB487A50009DCE69626A080E01910490080091A47469636B90909090CF188966CB487A50009DCE69626A080F01910490080091A47469636B90909090CF188966CB487A50009DCE69626A081001910490080091A47469636B90909090CF188966CB487A50009DCE69626A081101910490080091A47469636B90909090CF188966CB487A50009DCE69626A081201910490080091A47469636B90909090CF188966CB487A50009DCE69626A081301910490080091A47469636B90909090CF188966CB487A50009DCE69626A081401910490080091A47469636B90909090CF188966CB487A50009DCE69626A081501910490080091A47469636B90909090CF188966CB487A50009DCE69626A081601910490080091A47469636B90909090CF188966CB487A50009DCE69626A081701910490080091A47469636B90909090CF188966CB487A50009DCE69626A081801910490080091A47469636B90909090CF188966CB487A50009DCE69626A081901910490080091A47469636B90909090CF188966CB487A50009DCE69626A081A01910490080091A47469636B90909090CF188966CB487A50009DCE69626A081B01910490080091A47469636B90909090CF188966CB487A50009DCE69626A081C01910490080091A47469636B90909090CF188966CB487A50009DCE69626A081D01910490080091A47469636B90909090CF188966CB487A50009DCE69626A081E01910490080091A47469636B90909090CF188966CB487A50009DCE69626A081F01910490080091A47469636B90909090CF188966CB487A50009DCE69626A082001910490080091A47469636B90909090CF188966CB487A50009DCE69626A082101910490080091A47469636B90909090CF188966CB487A50009DCE69626A082201910490080091A47469636B90909090CF188966CB487A50009DCE69626A082301910490080091A47469636B90909090CF188966CB487A50009DCE69626A082401910490080091A47469636B90909090CF188966CB487A50009DCE69626A082501910490080091A47469636B90909090CF188966CB487A50009DCE69626A082601910490080091A47469636B90909090CF188966CB487A50009DCE69626A082701910490080091A47469636B90909090CF188966CB487A50009DCE69626A082801910490080091A47469636B90909090CF188966CB487A50009DCE69626A082901910490080091A47469636B90909090CF188966CB487A50009DCE69626A082A01910490080091A47469636B90909090CF188966CB487A50009DCE69626A082B01910490080091A47469636B90909090CF188966CB487A50009DCE69626A082C01910490080091A47469636B90909090CF188966CB487A50009DCE69626A082D01910490080091A47469636B90909090CF188966CB487A50009DCE69626A082E01910490080091A47469636B90909090CF188966CB487A50009DCE69626A082F01910490080091A47469636B90909090CF188966CB487A50009DCE69626A083001910490080091A47469636B90909090CF188966CB487A50009DCE69626A083101910490080091A47469636B90909090CF188966CB487A50009DCE69626A083201910490080091A47469636B90909090CF188966CB487A50009DCE69626A083301910490080091A47469636B90909090CF188966CB487A50009DCE69626A083401910490080091A47469636B90909090CF188966CB487A50009DCE69626A083501910490080091A47469636B90909090CF188966CB487A50009DCE69626A083601910490080091A47469636B90909090CF188966CB487A50009DCE69626A083701910490080091A47469636B90909090CF188966CB487A50009DCE69626A083801910490080091A47469636B90909090CF188966CB487A50009DCE69626A083901910490080091A47469636B90909090CF188966CB487A50009DCE69626A083A01910490080091A47469636B90909090CF188966CB487A50009DCE69626A083B01910490080091A47469636B90909090CF188966CB487A50009DCE69626A083C01910490080091A47469636B90909090CF188966CB487A50009DCE69626A083D01910490080091A47469636B90909090CF188966CB487A50009DCE69626A083E01910490080091A47469636B90909090CF188966CB487A50009DCE69626A083F01910490080091A47469636B90909090CF188966CB487A50009DCE69626A084001910490080091A47469636B90909090CF188966CB487A50009DCE69626A084101910490080091A47469636B90909090CF188966CB487A50009DCE69626A084201910490080091A47469636B90909090CF188966CB487A50009DCE69626A084301910490080091A47469636B90909090CF188966CB487A50009DCE69626A084401910490080091A47469636B90909090CF188966CB487A50009DCE69626A084501910490080091A47469636B90909090CF188966CB487A5000');
CREATE TABLE meta (key TEXT PRIMARY KEY, value NOT NULL) WITHOUT ROWID
    ;
INSERT INTO "meta" VALUES('configuration','');
INSERT INTO "meta" VALUES('created_ns',1796013240000000000);
INSERT INTO "meta" VALUES('last_id',106);
INSERT INTO "meta" VALUES('oldest_id',1);
INSERT INTO "meta" VALUES('rolled_s',1768057349);
INSERT INTO "meta" VALUES('store_id','b49c265839ed7f638c84324c2e8c2ae2');
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
INSERT INTO "rollup" VALUES(1,1768057348,70,1,0,0,0,0,0,0,0,0,0,0,0,0,0,0);
INSERT INTO "rollup" VALUES(60,1768053720,1,28,21,1,720,30,804,34,2,2,1,0,0,0,1,0);
INSERT INTO "rollup" VALUES(60,1768053720,2,8,5,0,55,0,75,0,1,1,0,1,1,0,0,0);
INSERT INTO "rollup" VALUES(60,1768057320,1,3,1,0,5,0,9,0,1,1,0,0,0,0,0,0);
INSERT INTO "rollup" VALUES(60,1768057320,70,1,0,0,0,0,0,0,0,0,0,0,0,0,0,0);
INSERT INTO "rollup" VALUES(600,1768053600,1,28,21,1,720,30,804,34,2,2,1,0,0,0,1,0);
INSERT INTO "rollup" VALUES(600,1768053600,2,8,5,0,55,0,75,0,1,1,0,1,1,0,0,0);
INSERT INTO "rollup" VALUES(600,1768057200,1,3,1,0,5,0,9,0,1,1,0,0,0,0,0,0);
INSERT INTO "rollup" VALUES(600,1768057200,70,1,0,0,0,0,0,0,0,0,0,0,0,0,0,0);
INSERT INTO "rollup" VALUES(3600,1768053600,1,28,21,1,720,30,804,34,2,2,1,0,0,0,1,0);
INSERT INTO "rollup" VALUES(3600,1768053600,2,8,5,0,55,0,75,0,1,1,0,1,1,0,0,0);
INSERT INTO "rollup" VALUES(3600,1768057200,1,3,1,0,5,0,9,0,1,1,0,0,0,0,0,0);
INSERT INTO "rollup" VALUES(3600,1768057200,70,1,0,0,0,0,0,0,0,0,0,0,0,0,0,0);
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
INSERT INTO "source" VALUES(5,2,70,'Order-Flow-17','');
INSERT INTO "source" VALUES(6,2,4,'','0000000000000000');
INSERT INTO "source" VALUES(7,2,5,'','0000000000000001');
INSERT INTO "source" VALUES(8,2,6,'','0000000000000002');
INSERT INTO "source" VALUES(9,2,7,'','0000000000000003');
INSERT INTO "source" VALUES(10,2,8,'','0000000000000004');
INSERT INTO "source" VALUES(11,2,9,'','0000000000000005');
INSERT INTO "source" VALUES(12,2,10,'','0000000000000006');
INSERT INTO "source" VALUES(13,2,11,'','0000000000000007');
INSERT INTO "source" VALUES(14,2,12,'','0000000000000008');
INSERT INTO "source" VALUES(15,2,13,'','0000000000000009');
INSERT INTO "source" VALUES(16,2,14,'','000000000000000a');
INSERT INTO "source" VALUES(17,2,15,'','000000000000000b');
INSERT INTO "source" VALUES(18,2,16,'','000000000000000c');
INSERT INTO "source" VALUES(19,2,17,'','000000000000000d');
INSERT INTO "source" VALUES(20,2,18,'','000000000000000e');
INSERT INTO "source" VALUES(21,2,19,'','000000000000000f');
INSERT INTO "source" VALUES(22,2,20,'','0000000000000010');
INSERT INTO "source" VALUES(23,2,21,'','0000000000000011');
INSERT INTO "source" VALUES(24,2,22,'','0000000000000012');
INSERT INTO "source" VALUES(25,2,23,'','0000000000000013');
INSERT INTO "source" VALUES(26,2,24,'','0000000000000014');
INSERT INTO "source" VALUES(27,2,25,'','0000000000000015');
INSERT INTO "source" VALUES(28,2,26,'','0000000000000016');
INSERT INTO "source" VALUES(29,2,27,'','0000000000000017');
INSERT INTO "source" VALUES(30,2,28,'','0000000000000018');
INSERT INTO "source" VALUES(31,2,29,'','0000000000000019');
INSERT INTO "source" VALUES(32,2,30,'','000000000000001a');
INSERT INTO "source" VALUES(33,2,31,'','000000000000001b');
INSERT INTO "source" VALUES(34,2,32,'','000000000000001c');
INSERT INTO "source" VALUES(35,2,33,'','000000000000001d');
INSERT INTO "source" VALUES(36,2,34,'','000000000000001e');
INSERT INTO "source" VALUES(37,2,35,'','000000000000001f');
INSERT INTO "source" VALUES(38,2,36,'','0000000000000020');
INSERT INTO "source" VALUES(39,2,37,'','0000000000000021');
INSERT INTO "source" VALUES(40,2,38,'','0000000000000022');
INSERT INTO "source" VALUES(41,2,39,'','0000000000000023');
INSERT INTO "source" VALUES(42,2,40,'','0000000000000024');
INSERT INTO "source" VALUES(43,2,41,'','0000000000000025');
INSERT INTO "source" VALUES(44,2,42,'','0000000000000026');
INSERT INTO "source" VALUES(45,2,43,'','0000000000000027');
INSERT INTO "source" VALUES(46,2,44,'','0000000000000028');
INSERT INTO "source" VALUES(47,2,45,'','0000000000000029');
INSERT INTO "source" VALUES(48,2,46,'','000000000000002a');
INSERT INTO "source" VALUES(49,2,47,'','000000000000002b');
INSERT INTO "source" VALUES(50,2,48,'','000000000000002c');
INSERT INTO "source" VALUES(51,2,49,'','000000000000002d');
INSERT INTO "source" VALUES(52,2,50,'','000000000000002e');
INSERT INTO "source" VALUES(53,2,51,'','000000000000002f');
INSERT INTO "source" VALUES(54,2,52,'','0000000000000030');
INSERT INTO "source" VALUES(55,2,53,'','0000000000000031');
INSERT INTO "source" VALUES(56,2,54,'','0000000000000032');
INSERT INTO "source" VALUES(57,2,55,'','0000000000000033');
INSERT INTO "source" VALUES(58,2,56,'','0000000000000034');
INSERT INTO "source" VALUES(59,2,57,'','0000000000000035');
INSERT INTO "source" VALUES(60,2,58,'','0000000000000036');
INSERT INTO "source" VALUES(61,2,59,'','0000000000000037');
INSERT INTO "source" VALUES(62,2,60,'','0000000000000038');
INSERT INTO "source" VALUES(63,2,61,'','0000000000000039');
INSERT INTO "source" VALUES(64,2,62,'','000000000000003a');
INSERT INTO "source" VALUES(65,2,63,'','000000000000003b');
INSERT INTO "source" VALUES(66,2,64,'','000000000000003c');
INSERT INTO "source" VALUES(67,2,65,'','000000000000003d');
INSERT INTO "source" VALUES(68,2,66,'','000000000000003e');
INSERT INTO "source" VALUES(69,2,67,'','000000000000003f');
INSERT INTO "source" VALUES(70,2,68,'','0000000000000040');
INSERT INTO "source" VALUES(71,2,69,'','0000000000000041');
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

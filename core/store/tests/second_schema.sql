-- Rows as a database of the second schema had them: some in every table, and one in every state. Both databases read this.
INSERT INTO meta (name, value) VALUES ('environment_id', 'old'), ('generation', '7');

INSERT INTO items (id, unit, author, column_id, procedure, content, hash, version, state, submitted_at)
SELECT 'i-' || column1, 'D07', 'd07.xx', 'yaowen', 'P4', '{"variants":{"weibo":{"text":"停水通知"}},"targets":["W000"]}',
    '4a33eacd5fa65f2b2e2871cd131286b53c415b131666d71173bb6e3fe59361b3', 1, column1, 1790000000000
FROM (VALUES ('draft'), ('pending_secrecy'), ('pending_unit'), ('pending_office'), ('pending_leader'),
    ('pending_principal'), ('pending_decision'), ('approved'), ('scheduled'), ('held'), ('publishing'), ('published'),
    ('publish_failed'), ('returned'), ('rejected'), ('withdrawn'), ('merged'), ('expired'), ('retracted')) AS states;
INSERT INTO decisions (item, number, person, step, verdict, hash, reason, at) VALUES
    ('i-published', 1, 'off.hg', 'office_review', 'approve',
        '4a33eacd5fa65f2b2e2871cd131286b53c415b131666d71173bb6e3fe59361b3', NULL, 1790000060000),
    ('i-returned', 1, 'off.hg', 'office_review', 'return',
        '4a33eacd5fa65f2b2e2871cd131286b53c415b131666d71173bb6e3fe59361b3', '请补充时间', 1790000060000);

INSERT INTO deliveries (id, item, account, platform, kind, origin, hops, route, item_hash, payload_hash, revision,
    created_at, due_at, latest_at, next_at, state, reason, hold, tries, fence, ticket, receipt_id, receipt_url, receipt_at,
    receipt_by, resume_call, doubt_since, looks, worker, lease_until, changed_at)
SELECT 'd-' || column1, 'i-published', 'W-' || column1, 'weibo', 'publish', NULL, 0, NULL,
    '4a33eacd5fa65f2b2e2871cd131286b53c415b131666d71173bb6e3fe59361b3',
    '239f59ed55e737c77147cf55ad0c1b030b6d7ee748a7426952f9b852d5a935e5', 'r1',
    1790000060000, 1790000300000, 1790001200000, 1790000300000, column1,
    CASE column1 WHEN 'held' THEN 'stopped: 演练' WHEN 'missed' THEN 'missed: not sent in time' END,
    CASE column1 WHEN 'held' THEN 'stopped' END, 1, 1, CASE column1 WHEN 'accepted' THEN 'ticket-1' END,
    CASE column1 WHEN 'published' THEN '7' END, CASE column1 WHEN 'published' THEN 'https://example.com/7' END,
    CASE column1 WHEN 'published' THEN 1790000360000 END, CASE column1 WHEN 'published' THEN 'answer' END,
    CASE column1 WHEN 'waiting' THEN 'a-waiting' END, CASE column1 WHEN 'in_doubt' THEN 1790000330000 END,
    CASE column1 WHEN 'in_doubt' THEN 2 ELSE 0 END,
    CASE WHEN column1 IN ('claimed', 'sending') THEN 'w-1' END,
    CASE WHEN column1 IN ('claimed', 'sending') THEN 1790000400000 END, 1790000360000
FROM (VALUES ('due'), ('claimed'), ('sending'), ('accepted'), ('published'), ('refused'), ('waiting'), ('in_doubt'),
    ('needs_person'), ('held'), ('missed'), ('cancelled')) AS states;
-- A forward of what is public, which a person saw; and one of which a look is the evidence.
INSERT INTO deliveries (id, item, account, platform, kind, origin, hops, route, item_hash, payload_hash, revision,
    created_at, due_at, latest_at, next_at, state, tries, fence, receipt_id, receipt_url, receipt_at, receipt_by, changed_at)
SELECT 'd-' || column1, 'i-published', 'W-' || column1, 'weibo', 'forward', 'd-published', 1, 'route-1',
    '4a33eacd5fa65f2b2e2871cd131286b53c415b131666d71173bb6e3fe59361b3',
    '239f59ed55e737c77147cf55ad0c1b030b6d7ee748a7426952f9b852d5a935e5', 'r1',
    1790000360000, 1790000360000, 1790001200000, 1790000360000, 'published', 1, 1, 'p-' || column1,
    'https://example.com/' || column1, 1790000420000, column1, 1790000420000
FROM (VALUES ('person'), ('evidence')) AS ways;

INSERT INTO queue (account, not_before, wake_at) VALUES ('W-due', 0, 1790000300000), ('W-sending', 0, NULL);

INSERT INTO attempts (id, delivery, account, number, fence, call, worker, started_at, ended_at, outcome, detail, adapter)
SELECT 'a-' || column1, 'd-' || column1, 'W-' || column1, 1, 1, 'a-' || column1, 'w-1', 1790000300000,
    CASE WHEN column1 IN ('claimed', 'sending') THEN NULL ELSE 1790000360000 END,
    CASE WHEN column1 IN ('claimed', 'sending') THEN NULL ELSE column1 END, NULL, 'mock 1.0'
FROM (VALUES ('claimed'), ('sending'), ('accepted'), ('published'), ('refused'), ('waiting'), ('in_doubt'),
    ('needs_person')) AS tried;
INSERT INTO effects (call, number, fingerprint, occurrence, delivery, asked_by, idempotency_key, method, url, body_sha256,
    adapter, adapter_sha256, began_at, answered_at, status, headers, body, complete, nothing_left)
VALUES
    ('a-published', 1, 'post', 0, 'd-published', 'a-published', 'key-1', 'POST', 'https://example.com/post',
        '239f59ed55e737c77147cf55ad0c1b030b6d7ee748a7426952f9b852d5a935e5', 'mock',
        '239f59ed55e737c77147cf55ad0c1b030b6d7ee748a7426952f9b852d5a935e5', 1790000310000, 1790000311000,
        200, '[]', CAST('{"id":"7"}' AS BLOB), TRUE, FALSE),
    ('a-sending', 1, 'post', 0, 'd-sending', 'a-sending', NULL, 'POST', 'https://example.com/post',
        '239f59ed55e737c77147cf55ad0c1b030b6d7ee748a7426952f9b852d5a935e5', 'mock',
        '239f59ed55e737c77147cf55ad0c1b030b6d7ee748a7426952f9b852d5a935e5', 1790000310000, NULL,
        NULL, NULL, NULL, NULL, NULL);
INSERT INTO late_news (delivery, attempt, fence, says, outcome, detail, platform_id, url, at) VALUES
    ('d-in_doubt', 'a-in_doubt', 1, 'published', 'accepted', NULL, '8', 'https://example.com/8', 1790000500000);

-- The hashes are those that the second schema's daemon wrote: whoever checks the chain now comes to the same.
INSERT INTO audit (number, at, actor, action, subject, detail, request, hash) VALUES
    (1, 1790000000000, 'd07.xx', 'item.submitted', 'item:i-published', '{}', 'q-1',
        '07b7090c48e1000fd7a27df1e1fc7e1660dd72dba94c1e2b46d0b6b78b4bf6de'),
    (2, 1790000060000, 'off.hg', 'item.approved', 'item:i-published', '{"version":1}', NULL,
        '0af2694d55eba60a4bee25bd9ce18317d18f3136bc8e8d7203d6326c6470eda4'),
    (3, 1790000360000, 'daemon', 'delivery.published', 'delivery:d-published', '{"url":"https://example.com/7"}', NULL,
        '010a4318ccef668abdc8044246637eaace53f5e30d06a811a09e385f0deef966');
INSERT INTO once (person, key, request_sha256, subject, at) VALUES
    ('d07.xx', 'key-1', '239f59ed55e737c77147cf55ad0c1b030b6d7ee748a7426952f9b852d5a935e5', 'i-published',
        1790000000000);
INSERT INTO settings (revision, sources, at) VALUES ('r1', '{"district.yaml":"name: 某区\n"}', 1789999000000);
INSERT INTO stop VALUES (1, 'off.zr', '演练', 1790000600000);
INSERT INTO stop_lifting (person, at) VALUES ('off.hg', 1790000700000);
INSERT INTO adapter_values (adapter, account, key, value) VALUES ('weibo', 'W-due', 'cursor', CAST('31' AS BLOB));
INSERT INTO blobs (sha256, mime, bytes, at) VALUES
    ('239f59ed55e737c77147cf55ad0c1b030b6d7ee748a7426952f9b852d5a935e5', 'image/png', CAST('png' AS BLOB),
        1790000000000);

INSERT INTO restorations (number, at, since, reason) VALUES (1, 1789990000000, 1789980000000, '恢复备份');
INSERT INTO suspects (restoration, delivery, was) VALUES (1, 'd-in_doubt', 'due');
INSERT INTO notices (number, id, kind, subject, text, detail, at, next_at, emitted_at, tries) VALUES
    (1, 'missed:d-missed', 'missed', 'delivery:d-missed', '没有发出', '{}', 1790001300000, 1790001300000, NULL, 0),
    (2, 'in_doubt:d-in_doubt', 'in_doubt', 'delivery:d-in_doubt', '是否发出不明', '{}', 1790001300000, NULL,
        1790001301000, 1);
INSERT INTO watched (account, since, looked_at, next_at, problem) VALUES
    ('W-published', 1789990000000, 1790000000000, 1790000600000, NULL);
INSERT INTO unknown_posts (account, platform_id, url, excerpt, posted_at, first_seen, is_stock) VALUES
    ('W-published', '99', 'https://example.com/99', '手工发布', 1790000100000, 1790000200000, 0);
INSERT INTO workers (id, node, started_at, lease_until, ended_at) VALUES
    ('w-0', NULL, 1789980000000, NULL, 1789990000000), ('w-1', NULL, 1789990000000, NULL, NULL);
INSERT INTO turns (name, holder, until) VALUES ('token:W-due', 'w-1', 1790000330000);

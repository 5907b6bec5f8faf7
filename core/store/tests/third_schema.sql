-- What the third schema added, filled; after second_schema.sql and the third step. Both databases read it.

INSERT INTO account_trouble (account, endings, paused_at, paused_by, reason) VALUES
    ('W-refused', '[]', 1790001000000, 'off.hg', '演练');
INSERT INTO notice_hooks (number, next_at, sent_at, tries, problem) VALUES
    (1, 1790001400000, NULL, 1, 'answered 502'), (2, NULL, 1790001401000, 1, NULL);
INSERT INTO rechecks (delivery, next_at) VALUES ('d-evidence', 1790009000000);
INSERT INTO captured_secrets (account, name, sealed, generation, obtained_at, expires_at) VALUES
    ('W-due', 'access_token', CAST('sealed' AS BLOB), 3, 1790000000000, 1790007200000);
INSERT INTO sign_ins (account, failures, retry_at, needed_since, reason, given) VALUES
    ('W-waiting', 3, 1790000400000, 1790000300000, 'auth_expired: 需重新登录', 'f');

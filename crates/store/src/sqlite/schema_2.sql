-- Audited calls in CloudTrail's form. What they are looked up by stands in columns of its own.
DROP VIEW audited;
ALTER TABLE audit RENAME TO audit_before;

CREATE TABLE audit (
    sequence   INTEGER PRIMARY KEY,
    event_id   TEXT NOT NULL UNIQUE,
    request_id TEXT NOT NULL,
    time_ms    INTEGER NOT NULL,
    revision   INTEGER NOT NULL,  -- after the call
    source     TEXT NOT NULL,
    action     TEXT NOT NULL,
    region     TEXT NOT NULL,
    principal  TEXT NOT NULL,
    username   TEXT NOT NULL,
    read_only  INTEGER NOT NULL,
    resources  TEXT NOT NULL,     -- JSON
    bytes      INTEGER NOT NULL,
    body       TEXT NOT NULL      -- CloudTrail's record, JSON
) STRICT;

INSERT INTO audit
SELECT sequence,
       printf('00000000-0000-4000-8000-%012x', sequence),
       body ->> '$.request_id',
       time_ms,
       revision,
       body ->> '$.source',
       body ->> '$.action',
       body ->> '$.region',
       body ->> '$.principal',
       'root',
       0,
       '[]',
       0,
       json_object(
           'eventVersion', '1.11',
           'userIdentity', json_object('type', 'Root', 'accessKeyId', body ->> '$.principal'),
           'eventTime', strftime('%Y-%m-%dT%H:%M:%SZ', time_ms / 1000, 'unixepoch'),
           'eventSource', body ->> '$.source',
           'eventName', body ->> '$.action',
           'awsRegion', body ->> '$.region',
           'sourceIPAddress', body ->> '$.peer',
           'requestParameters', iif(json_valid(body ->> '$.parameters'),
                                    json(body ->> '$.parameters'), NULL),
           'responseElements', NULL,
           'requestID', body ->> '$.request_id',
           'eventID', printf('00000000-0000-4000-8000-%012x', sequence),
           'readOnly', json('false'),
           'eventType', 'AwsApiCall',
           'managementEvent', json('true'),
           'eventCategory', 'Management')
FROM audit_before;

UPDATE audit SET bytes = length(event_id) + length(resources) + octet_length(body);
UPDATE meta SET audit_bytes = (SELECT coalesce(sum(bytes), 0) FROM audit);
DROP TABLE audit_before;

-- For the span of a search; new entries always go to its end.
CREATE INDEX audit_time ON audit (time_ms);

-- The same for people with a `sqlite3` shell.
CREATE VIEW audited AS
SELECT sequence,
       datetime(time_ms / 1000, 'unixepoch') AS time,
       revision,
       source,
       action,
       region,
       principal,
       body ->> '$.sourceIPAddress'   AS peer,
       body ->> '$.errorCode'         AS error_code,
       body ->> '$.errorMessage'      AS error_message,
       request_id,
       body ->> '$.requestParameters' AS parameters,
       body ->> '$.responseElements'  AS response
FROM audit;

-- The sixth schema: review in steps.

-- The steps of an item's procedure as they were when it was handed in. What is there already knew one step, of the office.
ALTER TABLE items ADD COLUMN chain TEXT NOT NULL CHECK (json_valid(chain)) DEFAULT
    '[{"id":"office_review","state":"pending_office","roles":["office_editor","office_director"],"unit":null}]';

-- As what a person decided; NULL where it was not written down.
ALTER TABLE decisions ADD COLUMN role TEXT;

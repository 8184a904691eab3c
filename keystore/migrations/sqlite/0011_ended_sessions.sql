-- Whose session it was that its viewer ended: nobody fills the list by ending one after another.
ALTER TABLE revocations ADD COLUMN viewer TEXT;

DROP TABLE hand_over_items;
DROP TABLE hand_overs;
ALTER TABLE clients DROP COLUMN owner_id;

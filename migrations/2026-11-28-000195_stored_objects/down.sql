DROP TABLE stored_objects, stored_bytes, file_stores;

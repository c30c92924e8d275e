DROP TABLE import_rejections, import_chunks, imports;

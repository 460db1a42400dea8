DROP SCHEMA fsdb_iceberg CASCADE;
DROP TABLE fsdb.copy_leftovers;
DROP TABLE fsdb.copies;
DROP TABLE fsdb.warehouse_claims;
DROP TABLE fsdb.warehouses;

#!/bin/sh
# Runs once, on an empty data folder: Temporal gets a role of its own, which cannot open the database of the cases.
set -eu
psql --username "$POSTGRES_USER" --dbname "$POSTGRES_DB" --set ON_ERROR_STOP=1 \
    --set password="$TEMPORAL_DB_PASSWORD" --set cases="$POSTGRES_DB" <<'SQL'
CREATE ROLE temporal LOGIN CREATEDB PASSWORD :'password';
REVOKE CONNECT ON DATABASE :"cases" FROM PUBLIC;
SQL

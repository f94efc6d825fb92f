#!/bin/sh
# Brings both databases of Temporal to the schema of this image; a second run finds nothing left to do.
# The password is read by the tool itself from SQL_PASSWORD.
set -eu

upgrade() {
    database=$1
    kind=$2
    set -- temporal-sql-tool --plugin postgres12 --ep "$POSTGRES_SEEDS" -p "$DB_PORT" -u "$POSTGRES_USER" --db "$database"
    "$@" create
    "$@" setup-schema -v 0.0
    "$@" update-schema -d "/etc/temporal/schema/postgresql/v12/$kind/versioned"
}

upgrade temporal temporal
upgrade temporal_visibility visibility
